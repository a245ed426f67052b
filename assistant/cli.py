"""The command line: parse, call, print. Errors are one line on stderr and exit code 2."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from index import PaperError

if TYPE_CHECKING:
    from .assistant import Assistant
    from .settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 asked and not answered (or nothing found), 2 an error, 130 interrupted."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except PaperError as exc:
        print(f"paper-assistant: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paper-assistant",
        description="Ask a collection of paper abstracts; every sentence of an answer carries its citation.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    index = _command(commands, "index", _index, "put papers into an index, or bring one up to date")
    index.add_argument("paths", nargs="*", metavar="PATH", help="files, folders or globs of papers")
    index.add_argument("--sync", action="store_true", help="remove papers that the paths no longer hold")
    index.add_argument("--strict", action="store_true", help="stop at the first record that cannot be used")
    index.add_argument("--dry-run", action="store_true", help="only say what would happen")
    only = index.add_mutually_exclusive_group()
    only.add_argument("--status", action="store_true", help="only say what is in the index, and whether a build is at work")
    only.add_argument("--verify", action="store_true", help="only check that the index is whole; exit code 1 if it is not")
    index.add_argument("--json", action="store_true", help="print what was done or found as JSON")

    ask = _command(commands, "ask", _ask, "answer one question")
    ask.add_argument("question")
    ask.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    ask.add_argument("--quotes", action="store_true", help="show the quoted words under the answer")

    _command(commands, "chat", _chat, "ask in the terminal, follow-ups included")

    search = _command(commands, "search", _search, "find papers")
    search.add_argument("query")
    search.add_argument("-k", type=int, default=10, help="how many (default 10)")
    search.add_argument("--year", type=int, help="only papers of this year")
    search.add_argument("--source", help="only papers of this source file")
    search.add_argument("--json", action="store_true", help="print the papers as JSON Lines")

    papers = _command(commands, "papers", _papers, "list the papers of the index")
    papers.add_argument("--json", action="store_true", help="print them as JSON Lines")

    export = _command(commands, "export", _export, "write the papers, or those a query finds, for a reference manager")
    export.add_argument("query", nargs="?")
    export.add_argument("-k", type=int, default=50, help="how many papers a query may find (default 50)")
    export.add_argument("--style", default="bibtex", choices=["bibtex", "ris", "csv", "markdown"])

    evaluate = _command(commands, "eval", _eval, "measure answers on a file of questions")
    evaluate.add_argument("questions", metavar="QUESTIONS.jsonl", type=Path)
    evaluate.add_argument("--corpus", metavar="PATH", help="index these papers first, in a temporary folder")
    evaluate.add_argument("--sample", type=int, metavar="N", help="only N questions, drawn by a fixed seed, every type kept")
    evaluate.add_argument("--entailment", metavar="MODEL", help="judge citations by this entailment model, a name or folder")
    evaluate.add_argument("--baseline", metavar="FILE", type=Path, help="say what changed since the run written to this file")
    evaluate.add_argument("--json", metavar="OUT", type=Path, help="write every question's result to this file")

    serve = _command(commands, "serve", _serve, "serve the chat page")
    serve.add_argument("--host", help="address (default 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port (default 7860)")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    help_: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument(
        "--index", metavar="DIR", help="folder of the index (default: yours if you made one, else the bundled papers)"
    )
    command.add_argument("--model", metavar="NAME", help="quotes, local, provider:name, or the path of a .gguf")
    return command


def _settings(args: argparse.Namespace) -> "Settings":
    from .settings import Settings

    return Settings.read(index=args.index, model=args.model, host=getattr(args, "host", None), port=getattr(args, "port", None))


def _open(args: argparse.Namespace) -> "Assistant":
    from .opening import open_assistant
    from .terminal import progress

    with progress() as report:
        return open_assistant(_settings(args), progress=report)


def _index(args: argparse.Namespace) -> int:
    from index import QuestionError

    from .opening import build
    from .terminal import progress, summary

    settings = _settings(args)
    folder = (settings.index or settings.default_folder).expanduser()
    if args.status:
        return _status(folder, as_json=args.json)
    if args.verify:
        return _verify(folder, settings.chroma_url, as_json=args.json)
    if not args.paths:
        raise QuestionError("no papers named; run `paper-assistant index PATH...` with files, folders or globs")
    with progress() as report:
        done = build(
            settings,
            args.paths,
            folder,
            sync=args.sync,
            strict=args.strict,
            dry_run=args.dry_run,
            corpus=", ".join(args.paths),
            progress=report,
        )
    if args.json:
        print(json.dumps({**asdict(done), "problems": [str(problem) for problem in done.problems]}, indent=1))
    else:
        print(summary(done, folder, dry_run=args.dry_run))
    return 0 if done.papers or args.dry_run else 1


def _status(folder: Path, *, as_json: bool) -> int:
    from index import index_status

    from .terminal import status

    found = index_status(folder)
    print(json.dumps(asdict(found), ensure_ascii=False, indent=1) if as_json else status(found))
    return 0


def _verify(folder: Path, chroma_url: str | None, *, as_json: bool) -> int:
    from index import verify_index

    from .terminal import verdict

    found = verify_index(folder, chroma_url=chroma_url)
    print(json.dumps(asdict(found), ensure_ascii=False, indent=1) if as_json else verdict(found))
    return 1 if found.faults else 0


def _ask(args: argparse.Namespace) -> int:
    from .answer import Status
    from .terminal import shown

    answer = _open(args).ask(args.question)
    if args.json:
        print(json.dumps(answer.to_dict(), ensure_ascii=False, indent=1))
    else:
        print(shown(answer, quotes=args.quotes))
    return 0 if answer.status is Status.ANSWERED else 1


def _chat(args: argparse.Namespace) -> int:
    from .answer import Answer
    from .terminal import below, welcome

    assistant = _open(args)
    print(welcome(assistant))
    history: list[tuple[str, str]] = []
    while True:
        try:
            question = input("\n> ").strip()
        except EOFError:
            print()
            return 0
        if question in ("", "exit", "quit"):
            return 0
        try:
            for part in assistant.stream(question, history):
                if isinstance(part, Answer):
                    print(f"\n{below(part)}" if below(part) else "")
                    history.append((question, str(part)))
                else:
                    print(part, end="", flush=True)
        except PaperError as exc:
            print(exc)


def _search(args: argparse.Namespace) -> int:
    from index import readable

    hits = _open(args).search(args.query, args.k, year=args.year, source=args.source)
    for place, hit in enumerate(hits, 1):
        if args.json:
            print(json.dumps({**asdict(hit), "rank": place}, ensure_ascii=False))
        else:
            print(f"{place:3}. {hit.score:.2f}  {readable(hit.paper.title)}")
    return 0 if hits else 1


def _papers(args: argparse.Namespace) -> int:
    from index import readable

    for paper in _open(args).papers:
        if args.json:
            print(json.dumps(asdict(paper), ensure_ascii=False))
        else:
            print(readable(paper.title), f"({', '.join(paper.sources)})")
    return 0


def _export(args: argparse.Namespace) -> int:
    from .bibliography import write

    assistant = _open(args)
    papers = [hit.paper for hit in assistant.search(args.query, args.k)] if args.query else list(assistant.papers)
    print(write(papers, args.style), end="")
    return 0


def _eval(args: argparse.Namespace) -> int:
    from index import NoSuchPath

    from .evaluate import change, evaluate, read_questions, table
    from .terminal import progress

    questions = read_questions(args.questions, sample=args.sample)
    with progress() as report:
        results = evaluate(questions, _settings(args), corpus=args.corpus, entailment=args.entailment, progress=report)
    if args.json:
        args.json.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    print(table(results))
    if args.baseline:
        if not args.baseline.is_file():
            raise NoSuchPath(args.baseline)
        print("\n" + change(results, json.loads(args.baseline.read_text(encoding="utf-8"))))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from app import serve

    serve(_settings(args))
    return 0
