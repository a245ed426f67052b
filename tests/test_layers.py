"""The arrows between the rooms, and what importing the front door may cost."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

import assistant
import index

HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "gradio",
    "chromadb",
    "openvino",
    "langchain_core",
    "pydantic",
    "numpy",
}


def imports(path: Path) -> Iterator[str]:
    """Every absolute module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        pytest.param("index", {"assistant", "app", "prompts"}, id="index-knows-nobody"),
        pytest.param("assistant", {"prompts"}, id="assistant-reads-prompts"),
        pytest.param("page", {"index", "prompts", "app"}, id="page-knows-only-assistant"),
        pytest.param("app.py", {"index", "prompts"}, id="door-knows-page-and-assistant"),
    ],
)
def test_rooms_import_one_way(room: str, forbidden: set[str]) -> None:
    place = ROOT / room
    for path in [place] if place.is_file() else place.rglob("*.py"):
        for module in imports(path):
            assert module.split(".")[0] not in forbidden, f"{path} imports {module}"


def test_other_rooms_are_entered_by_their_root() -> None:
    for path in [ROOT / "app.py", *(ROOT / "page").rglob("*.py"), *(ROOT / "assistant").rglob("*.py")]:
        for module in imports(path):
            assert not module.startswith(("index.", "prompts.")), f"{path} imports {module}"
    assert not [m for m in imports(ROOT / "app.py") if m.startswith("assistant.")]


@pytest.mark.parametrize(
    ("package", "home"),
    [
        ("chromadb", "vectors"),
        ("bm25s", "lexical"),
        ("sentence_transformers", "embedding weights attribution"),
        ("openvino", "compiled"),
    ],
)
def test_a_library_is_named_in_one_place(package: str, home: str) -> None:
    for path in [*(ROOT / "index").rglob("*.py"), *(ROOT / "assistant").rglob("*.py"), ROOT / "app.py"]:
        if any(module.split(".")[0] == package for module in imports(path)):
            assert path.stem in home.split()


def test_front_doors_export_what_they_say() -> None:
    for room in (assistant, index):
        assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError):
        _ = assistant.nothing_of_that_name


def test_importing_the_assistant_loads_nothing_heavy() -> None:
    code = "import sys, json, assistant; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not HEAVY & set(json.loads(out))
