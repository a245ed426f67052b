"""Prompt templates: text files in `prompts/`, or in a folder of the user's, checked against the code when they are loaded."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter

from index import PromptError

FIELDS: dict[str, frozenset[str]] = {
    "answer_system": frozenset(),
    "answer_user": frozenset({"question", "evidence"}),
    "judge_system": frozenset(),
    "more_local": frozenset({"evidence"}),
    "reply_local": frozenset(),
    "reply_local_more": frozenset(),
}
_COMMENT = re.compile(r"\A(?:#[^\n]*\n)+\n*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template whose fields are known to be those that the code fills."""

    name: str
    template: str


@cache
def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """The template of a name: `NAME.txt` of the folder if it is there, else the one that comes with the package.

    Lines at its top that start with # are comments. Raises PromptError.
    """
    wanted = FIELDS.get(name)
    if wanted is None:
        raise PromptError(f"there is no prompt {name!r}; there are {', '.join(sorted(FIELDS))}")
    own = folder.expanduser() / f"{name}.txt" if folder else None
    source = own if own and own.is_file() else files("prompts") / f"{name}.txt"
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        remedy = "write it as UTF-8 text" if source is own else "reinstall the package"
        raise PromptError(f"{source} cannot be read ({exc}); {remedy}") from exc
    return check_prompt(name, _COMMENT.sub("", text).strip(), wanted, str(source))


def check_folder(folder: Path) -> None:
    """Raises PromptError if a folder of prompts is not there, or holds one of a name that nothing asks for."""
    if not folder.expanduser().is_dir():
        raise PromptError(f"the folder of prompts {folder} is not there; make it, or leave the setting PROMPTS out")
    unknown = {path.stem for path in folder.expanduser().glob("*.txt")} - FIELDS.keys()
    if unknown:
        raise PromptError(f"{folder} holds {', '.join(sorted(unknown))}; the prompts are {', '.join(sorted(FIELDS))}")


def check_prompt(name: str, template: str, wanted: frozenset[str], source: str = "") -> Prompt:
    """Raises PromptError if the template's fields are not exactly those wanted."""
    where = source or f"prompts/{name}.txt"
    try:
        found = {part[1] for part in Formatter().parse(template) if part[1] is not None}
    except ValueError as exc:
        raise PromptError(f"{where}: {exc}; write {{{{ and }}}} for plain braces") from exc
    if found != wanted:
        raise PromptError(f"{where} has the fields {sorted(found)}, the code fills {sorted(wanted)}")
    return Prompt(name, template)
