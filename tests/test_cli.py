"""The command line as a user has it: a process, its output, its exit code. The fast cases run in this process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PAPERS, ROOT, write_jsonl

from assistant.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli")
    write_jsonl(place / "papers.jsonl", PAPERS)
    assert main(["index", str(place / "papers.jsonl"), "--index", str(place / "index")]) == 0
    return place / "index"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "assistant", *args], capture_output=True, text=True, cwd=ROOT, check=False)


def test_index_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_jsonl(tmp_path / "papers.jsonl", [*PAPERS, PAPERS[0]])
    with path.open("a") as file:
        file.write("oops\n")
    assert main(["index", str(path), "--index", str(tmp_path / "index")]) == 0
    out = capsys.readouterr()
    assert "3  new" in out.out
    assert "1  duplicates merged" in out.out
    assert f"{path}, line 5: not JSON" in out.out
    assert "embedding 3 of 3" in out.err


def test_ask_prints_the_answer_and_its_papers(folder: Path) -> None:
    done = run("ask", "How many fewer steps does SwiftMo need?", "--index", str(folder), "--model", "quotes", "--quotes")
    assert done.returncode == 0, done.stderr
    assert "38% fewer steps than" in done.stdout or "38% fewer steps" in done.stdout
    assert f"[1] {PAPERS[0].title}" in done.stdout
    assert done.stderr == ""


def test_ask_json_is_the_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", "How many fewer steps does SwiftMo need?", "--index", str(folder), "--model", "quotes", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "answered"
    assert answer["papers"][0]["title"] == PAPERS[0].title


def test_what_is_not_found_has_its_own_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "How long should rice boil?", "--index", str(folder), "--model", "quotes"]) == 1
    assert "Nothing on this" in capsys.readouterr().out


def test_search_papers_and_export(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "image captions", "-k", "1", "--index", str(folder)]) == 0
    assert "Captions Without Captioners" in capsys.readouterr().out
    assert main(["search", "image captions", "--year", "2021", "--json", "--index", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["paper"]["title"] == PAPERS[0].title
    assert main(["papers", "--index", str(folder)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["export", "pruning", "-k", "1", "--style", "ris", "--index", str(folder)]) == 0
    assert "TI  - Pruning Weights by Their Noise" in capsys.readouterr().out


def test_chat_keeps_the_thread(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "assistant", "chat", "--index", str(folder), "--model", "quotes"],
        input="What is SwiftMo?\nhow many fewer steps does it need?\n", capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert "3 papers" in done.stdout
    assert done.stdout.count(f"[1] {PAPERS[0].title}") == 2


def test_eval_prints_a_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "questions.jsonl"
    record = {
        "type": "factoid", "question": "How many fewer steps does SwiftMo need?",
        "gold_titles": [PAPERS[0].title], "nuggets": [["38%"]],
    }  # fmt: skip
    questions.write_text(json.dumps(record))
    out = tmp_path / "out.json"
    assert main(["eval", str(questions), "--index", str(folder), "--model", "quotes", "--json", str(out)]) == 0
    assert "factoid" in capsys.readouterr().out
    assert json.loads(out.read_text())[0]["nuggets"] == 1.0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["ask", "  "], "the question is empty", id="empty-question"),
        pytest.param(["ask", "why " * 25_000], "ask a shorter one", id="100-kB-question"),
        pytest.param(["search", ""], "the query is empty", id="empty-query"),
        pytest.param(["index", "no/such/place"], "no/such/place: there is no such file", id="missing-path"),
        pytest.param(["index"], "no papers named", id="no-paths"),
        pytest.param(["ask", "why?", "--index", "no/index"], "no/index: there is no index here", id="missing-index"),
        pytest.param(["ask", "why?", "--model", "llama"], "provider:name", id="unknown-model"),
        pytest.param(["eval", "no.jsonl"], "no.jsonl: there is no such file", id="missing-questions"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(
    folder: Path, args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "--index" in args or args[0] == "index" else ["--index", str(folder)]
    assert main([*args, *where]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.err.startswith("paper-assistant: ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("empty.jsonl", b"", "the file is empty", id="empty"),
        pytest.param("noise.txt", bytes(range(256)) * 20, "binary", id="binary"),
        pytest.param("letter.txt", b"Dear reader,\nthis is a letter.\n", "line 1: expected", id="wrong-shape"),
    ],
)
def test_files_that_hold_no_papers_are_named(
    tmp_path: Path, name: str, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["index", str(tmp_path / name), "--index", str(tmp_path / "index")]) == 1
    assert said in capsys.readouterr().out
    assert main(["index", str(tmp_path / name), "--index", str(tmp_path / "index"), "--strict"]) == 2
    assert said in capsys.readouterr().err


def test_asking_with_quotes_never_loads_what_it_does_not_need(folder: Path) -> None:
    code = (
        "import sys; from assistant.cli import main; "
        f"main(['ask', 'What is SwiftMo?', '--index', {str(folder)!r}, '--model', 'quotes']); "
        "print(sorted({'torch', 'transformers', 'gradio', 'langchain', 'tiktoken'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_needs_no_model() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("index", "ask", "chat", "search", "papers", "export", "eval", "serve"):
        assert command in done.stdout
