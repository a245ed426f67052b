"""Seconds that a reader waits: for a search, for quotes, for the first words of a written answer and for all of it.

    python bench/latency.py INDEX QUESTIONS.jsonl [--model local] [--sample 24]

Warm, one question after the other. With `local` also what the tokens alone cost: as many are read and written by the same
model without anything around it, right after each answer, so that a noisy machine is as noisy for both.
"""

import argparse
import json
import os
import statistics
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from assistant import Answer, Assistant, Pending, open_assistant
from assistant.evaluate import Question, read_questions
from assistant.lists import asks_list
from assistant.local import LocalChat, qwen_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--model", default="local")
    parser.add_argument("--sample", type=int, default=24)
    args = parser.parse_args()
    assistant = open_assistant(index=args.index, model=args.model)
    assistant.warm()
    quotes = assistant.variant(quotes=True)
    everything = read_questions(args.questions)
    for q in everything[:5]:
        quotes.ask(q["question"])
    show("search", [_search(assistant, q["question"]) for q in everything])
    show("quotes, end to end", [_wait(quotes, q)[1] for q in everything])
    if args.model != "quotes":
        drawn = [q for q in read_questions(args.questions, sample=args.sample) if not asks_list(q["question"])]
        _written(assistant, drawn, raw=args.model == "local")


def _written(assistant: Assistant, questions: Sequence[Question], *, raw: bool) -> None:
    first, whole, ratios = [], [], []
    for q in questions:
        begun, took, answer = _wait(assistant, q)
        if not answer.tokens:
            continue
        first.append(begun)
        whole.append(took)
        if raw:
            ratios.append(took / _alone(answer.tokens["input"], answer.tokens["output"]))
            assistant.warm()  # what every prompt begins with, which the model knows from one question to the next
    show("first words", first)
    show("whole answer", whole)
    if ratios:
        print(f"{'whole answer / its tokens alone':34} median {statistics.median(ratios):.2f}")


def _search(assistant: Assistant, question: str) -> float:
    started = time.perf_counter()
    assistant.search(question)
    return time.perf_counter() - started


def _wait(assistant: Assistant, q: Question) -> tuple[float, float, Answer]:
    """Seconds to the first words, to the whole answer, and the answer."""
    started, begun = time.perf_counter(), 0.0
    for part in assistant.progress(q["question"], q["history"]):
        if isinstance(part, Answer):
            return begun, time.perf_counter() - started, part
        said = part.text if isinstance(part, Pending) else part
        begun = begun or (time.perf_counter() - started if said else 0.0)
    raise AssertionError("an answer comes last")


def _alone(read: int, written: int) -> float:
    """Seconds that the model takes to read and write so many tokens, none of them known to it before."""
    address, key = LocalChat(path=str(qwen_file()), threads=os.cpu_count() or 1).address()
    words = "read this " * (read // 2)
    asked = {"messages": [{"role": "user", "content": words}], "max_tokens": written, "ignore_eos": True, "cache_prompt": False}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(asked).encode(), headers)
    with urllib.request.urlopen(request) as reply:
        speeds = json.load(reply)["timings"]
    return float(read / speeds["prompt_per_second"] + written / speeds["predicted_per_second"])


def show(name: str, seconds: Sequence[float]) -> None:
    cuts = statistics.quantiles(seconds, n=20)
    print(f"{name:34} p50 {statistics.median(seconds):6.3f}  p95 {cuts[18]:6.3f}  of {len(seconds)}")


if __name__ == "__main__":
    main()
