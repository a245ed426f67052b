"""All settings in one typed object; each can also be given as an environment variable PAPER_ASSISTANT_NAME."""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from index import GRANITE, SettingsError

_PRICES = re.compile(r"\d+(\.\d+)?/\d+(\.\d+)?")

QUOTES = "quotes"
LOCAL = "local"


class Settings(BaseSettings):
    """How the assistant is put together. Secrets (a provider's key) stay in the provider's own environment variable."""

    model_config = SettingsConfigDict(env_prefix="PAPER_ASSISTANT_", frozen=True, extra="forbid", env_ignore_empty=True)

    index: Path | None = Field(None, description="Folder of the index; without it the default one, or else the bundled corpus.")
    model: str | None = Field(
        None,
        description="`quotes`, `local`, `provider:name` as LangChain's init_chat_model takes it, or the path of a .gguf; "
        "without it `local` where its weights are installed, else `quotes`.",
    )
    embedding: str = Field(GRANITE, description="Embedding model: a name, or the folder of a sentence-transformers model.")
    second_embedding: str | None = Field(
        None,
        description="A second embedding model that ranks what the first one finds where a question's words are not the "
        "papers', or `none`; without it all-mpnet-base-v2 where its weights are installed. Used when an index is made.",
    )
    chroma_url: str | None = Field(
        None, description="Address of a Chroma server to keep the vectors on, instead of the index folder."
    )
    papers: int = Field(5, ge=1, le=50, description="How many papers an answer may draw on.")
    words: int | None = Field(
        None,
        ge=20,
        le=2000,
        description="About how many words of quotes an answer rests on; a why or a comparison gets more. Without it 80 for "
        "quotes, 75 for a local model, 250 for a hosted one that reads more at a time.",
    )
    sufficiency: Path | None = Field(None, description="Calibration file of the refusals, made by bench/fit_sufficiency.py.")
    prompts: Path | None = Field(
        None, description="Folder of prompts of your own; each stands in for the one of the same name in prompts/."
    )
    prompt_tokens: int | None = Field(
        None,
        ge=200,
        description="How many tokens a prompt may have, counted as cl100k_base. Without it 900, and 3000 for a hosted model "
        "that reads more at a time.",
    )
    answer_tokens: int = Field(220, ge=30, description="How many tokens a language model may write.")
    base_url: str | None = Field(
        None, description="Address of the server of a `provider:name`, such as an OpenAI-compatible one."
    )
    timeout: float = Field(60, gt=0, description="Seconds that a hosted model may take to say anything.")
    retries: int = Field(2, ge=0, description="How often a hosted model that is busy or not to be reached is asked again.")
    price: str | None = Field(
        None, description="Dollars for a million tokens read and written, as `0.25/2.00`; with it every answer says its cost."
    )
    threads: int | None = Field(None, ge=1, description="Threads of the local language model; without it one a core.")
    host: str = Field("127.0.0.1", description="Address the page is served on.")
    port: int = Field(7860, ge=0, le=65535, description="Port the page is served on; 0 takes a free one.")
    auth: str | None = Field(None, description="`user:password` that the page asks for.", repr=False)
    add_papers: bool = Field(
        True, description="Whether the page takes files of papers into the index; `false` for a public page."
    )
    feedback: Path | None = Field(
        None, description="File that keeps what readers thought of answers; without it one in your data folder."
    )

    @field_validator("auth")
    @classmethod
    def _has_both_parts(cls, value: str | None) -> str | None:
        if value is not None and not all(value.partition(":")[::2]):
            raise ValueError("expected user:password")
        return value

    @field_validator("price")
    @classmethod
    def _has_two_prices(cls, value: str | None) -> str | None:
        if value is not None and not _PRICES.fullmatch(value):
            raise ValueError("expected two prices such as 0.25/2.00")
        return value

    def cost(self, tokens: Mapping[str, int]) -> float | None:
        """Dollars for tokens in and out; None where no price is set."""
        if not self.price:
            return None
        read, written = map(float, self.price.split("/"))
        return (tokens.get("input", 0) * read + tokens.get("output", 0) * written) / 1_000_000

    @cached_property
    def default_folder(self) -> Path:
        """Where an index is made when no folder is named."""
        return user_data_path("paper-assistant", appauthor=False) / "index"

    @cached_property
    def feedback_file(self) -> Path:
        """Where what readers thought of answers is kept, as JSON Lines."""
        return (self.feedback or user_data_path("paper-assistant", appauthor=False) / "feedback.jsonl").expanduser()

    @classmethod
    def read(cls, **overrides: object) -> "Settings":
        """Settings from the environment, with these put over them; None means not given. Raises SettingsError."""
        try:
            return cls(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as exc:
            first = exc.errors()[0]
            name = ".".join(str(part) for part in first["loc"]).upper()
            raise SettingsError(f"the setting {name} is {first['input']!r}: {first['msg']}") from exc
