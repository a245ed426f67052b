"""The README's commands run, its code runs, its settings are those of the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from assistant import Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("paper-assistant ")]
TARGETS = {line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")}


def test_make_has_the_targets_that_are_named() -> None:
    assert {"run", "test"} == TARGETS
    rules = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in TARGETS)


def test_make_run_with_a_corpus_indexes_and_serves_it() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "run", "CORPUS=some/papers/"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert re.search(r"paper-assistant index --sync --index \.index/papers some/papers/", plan)
    assert re.search(r"paper-assistant serve .*--index \.index/papers", plan)


def test_settings_table_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|(.*?)\| (.*) \|$", README, re.MULTILINE)
    stated = {name.lower(): (default.strip("` "), text) for name, default, text in rows}
    real = {
        name: ("" if field.default is None else str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert stated == real


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str) -> None:
    words = shlex.split(command)[1:]
    done = subprocess.run([sys.executable, "-m", "assistant", *words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100


@pytest.mark.slow
def test_python_runs_as_written(tmp_path: Path) -> None:
    (code,) = blocks("python")
    script = tmp_path / "readme.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "The AdEMAMix Optimizer: Better, Faster, Older" in done.stdout
    assert "@misc{" in done.stdout
