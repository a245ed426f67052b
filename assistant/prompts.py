"""Prompt templates: text files in `prompts/`, their fields checked against the code when they are loaded."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter

from index import PromptError

FIELDS: dict[str, frozenset[str]] = {
    "answer_system": frozenset(),
    "answer_user": frozenset({"question", "evidence"}),
}
_COMMENT = re.compile(r"\A(?:#[^\n]*\n)+\n*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template whose fields are known to be those that the code fills."""

    name: str
    template: str


@cache
def load_prompt(name: str) -> Prompt:
    """The template of a name; lines at its top that start with # are comments. Raises PromptError."""
    wanted = FIELDS.get(name)
    if wanted is None:
        raise PromptError(f"there is no prompt {name!r}; there are {', '.join(sorted(FIELDS))}")
    try:
        text = (files("prompts") / f"{name}.txt").read_text(encoding="utf-8")
    except OSError as exc:
        raise PromptError(f"prompts/{name}.txt cannot be read ({exc.strerror}); reinstall the package") from exc
    return check_prompt(name, _COMMENT.sub("", text).strip(), wanted)


def check_prompt(name: str, template: str, wanted: frozenset[str]) -> Prompt:
    """Raises PromptError if the template's fields are not exactly those wanted."""
    try:
        found = {part[1] for part in Formatter().parse(template) if part[1] is not None}
    except ValueError as exc:
        raise PromptError(f"prompts/{name}.txt: {exc}; write {{{{ and }}}} for plain braces") from exc
    if found != wanted:
        raise PromptError(f"prompts/{name}.txt has the fields {sorted(found)}, the code fills {sorted(wanted)}")
    return Prompt(name, template)
