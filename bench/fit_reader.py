"""Teach the reader to tell what an abstract states: fit index/reader.safetensors.

    python bench/fit_reader.py INDEX QUESTIONS.jsonl... --abstracts FILE [--every N]

A question is about the first of its `gold_titles`, or about the paper `about` that does not answer it; `states` are the
numbers of the sentences that answer it, without it those that its nuggets match. A quarter of the papers, by their titles, are
held out: what is learned is tried on them, and the refusals are fitted on them (bench/fit_sufficiency.py). Questions that
name their paper well enough to find it first are also asked of the paper found next, which answers none of them.

FILE has abstracts of papers that were never written, of all fields, so that what is learned holds for other collections too:
a line each with its `title`, its `sentences` and what is `asked`, pairs of a question and the numbers of the sentences that
answer it. Some questions are asked of an abstract that has nothing to do with them.

It begins with what it learned before, so that more questions teach it more, and half of what is new is kept, which tells more
than either (Wortsman et al. 2022); without reader.safetensors it begins with granite as it is.

Prints how well the held-out questions that are stated are told from those that are not: by the whole (AUC, and the share of
the unstated below the lowest twentieth of the stated), and how often the likeliest sentence states it.
--every N takes but each Nth question, to try things out, and writes nothing. Some fifty minutes on two cores.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fitting import held_out
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits as surprise

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, holds, read_questions
from index import readable, title_key
from index.compiled import change
from index.reading import MOST_TOKENS, question_and_text
from index.weights import READER, Taught, granite_folder, reader_weights, sha256_of

_RATE, _BATCH = 1.5e-4, 16
_STATED_WEIGHT = 2.0  # few of a paper's sentences state what is asked
_NEXT = 0.35  # of the stated questions that find their paper first, those asked of the next as well
_ELSEWHERE = 0.06  # of the stated questions, those asked of any other paper as well
_HEADS = {"inner": 0, "outer": 2}  # their layers
_PAD, _NOWHERE = 1, -1e4


@dataclass(frozen=True)
class Asked:
    """A question with the paper that it is asked of, and the numbers of the sentences that state the answer."""

    question: str
    title: str
    sentences: tuple[str, ...]
    states: tuple[int, ...]


class Reader(torch.nn.Module):  # type: ignore[misc]
    """The default embedder's network with two heads on top."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer
        from transformers import AutoModel

        super().__init__()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        # dropout of attention would take longer than all the rest
        self.network = AutoModel.from_pretrained(str(folder), attention_probs_dropout_prob=0.0, add_pooling_layer=False)
        self.network.embeddings.word_embeddings.weight.requires_grad_(False)
        width = self.network.config.hidden_size
        self.sentence, self.states = (
            torch.nn.Sequential(torch.nn.Linear(size, width), torch.nn.GELU(), torch.nn.Linear(width, 1))
            for size in (2 * width, width)
        )

    def tokens(self, asked: Asked) -> tuple[list[int], list[int]]:
        """The tokens of a question and a text, and the sentence that each belongs to, -1 for none."""
        parts = [asked.question, readable(asked.title), *(f" {sentence}" for sentence in asked.sentences)]
        encoded = self.tokenizer.encode_batch(parts, add_special_tokens=False)
        ids, places = question_and_text([encoding.ids for encoding in encoded])
        return ids[:MOST_TOKENS], places[:MOST_TOKENS]

    def forward(self, batch: Sequence[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log odds of sentences, (n, most), which of them are there, and log odds of the whole, (n,)."""
        width, most = max(len(ids) for ids, _ in batch), max(max(places) for _, places in batch) + 1
        ids, places = torch.full((len(batch), width), _PAD), torch.full((len(batch), width), -1)
        for row, (tokens, sentences) in enumerate(batch):
            ids[row, : len(tokens)], places[row, : len(tokens)] = torch.tensor(tokens), torch.tensor(sentences)
        known = self.network(ids, attention_mask=(ids != _PAD).long()).last_hidden_state.float()
        belongs = (places[:, None, :] == torch.arange(most)[None, :, None]).float()
        sizes = belongs.sum(-1, keepdim=True)
        means, beside = belongs @ known / sizes.clamp(min=1), known[:, :1].expand(-1, most, -1)
        return (
            self.sentence(torch.cat([means, beside], -1))[..., 0].float(),
            sizes[..., 0] > 0,
            self.states(known[:, 0])[:, 0].float(),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--abstracts", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    order = random.Random(0)
    assistant = open_assistant(index=args.index, model="quotes")
    questions = [q for path in args.questions for q in read_questions(path)]
    asked = list(_asked(assistant, questions[:: args.every]))
    train, test = ([one for one in asked if held_out(one.title) == wanted] for wanted in (False, True))
    train += _of_the_next(assistant, train, order) + list(_invented(args.abstracts))[:: args.every]
    train += _of_another(train, order)
    print(f"{len(train)} to learn from, {len(test)} to try it on", flush=True)
    reader = Reader(granite_folder())
    before = {name: weight.detach().clone() for name, weight in reader.network.named_parameters()}
    start: dict[str, torch.Tensor] = {}
    if READER.is_file():
        start = _go_on(reader, reader_weights())
    _teach(reader, train, order)
    _keep_half(reader, start)
    _show(reader, test, order)
    if args.every == 1:
        _store(reader, before)


def _asked(assistant: Assistant, questions: Sequence[Question]) -> Iterator[Asked]:
    papers = {title_key(paper.title): paper for paper in assistant.papers}
    for q in questions:
        paper = papers.get(title_key(q.get("about") or q["gold_titles"][0]))
        if paper is None:
            continue
        sentences = tuple(sentence.text for sentence in assistant.index.sentences(paper))
        said = [n for n, text in enumerate(sentences) if any(holds(nugget, text) for nugget in q["nuggets"])]
        states = tuple(q.get("states", said))
        if states or not q["gold_titles"]:
            yield Asked(q["question"], paper.title, sentences, states)


def _of_the_next(assistant: Assistant, asked: Sequence[Asked], order: random.Random) -> list[Asked]:
    """Stated questions, asked of the paper that is found next to theirs: none of its sentences states them."""
    known = {title_key(one.title) for one in asked}
    ids = [paper.id for paper in assistant.papers if title_key(paper.title) in known]
    stated = [one for one in asked if one.states]
    found = []
    for one in order.sample(stated, int(_NEXT * len(stated))):
        first, second = assistant.search(one.question, 2, papers=ids)
        if title_key(first.paper.title) == title_key(one.title):
            sentences = tuple(sentence.text for sentence in assistant.index.sentences(second.paper))
            found.append(Asked(one.question, second.paper.title, sentences, ()))
    return found


def _invented(path: Path) -> Iterator[Asked]:
    for line in path.read_text(encoding="utf-8").splitlines():
        paper = json.loads(line)
        for question, states in paper["asked"]:
            yield Asked(question, paper["title"], tuple(paper["sentences"]), tuple(states))


def _of_another(asked: Sequence[Asked], order: random.Random) -> list[Asked]:
    """Stated questions, asked of a paper drawn at random."""
    stated = [one for one in asked if one.states]
    drawn = [(one, order.choice(asked)) for one in order.sample(stated, int(_ELSEWHERE * len(stated)))]
    return [Asked(one.question, any_.title, any_.sentences, ()) for one, any_ in drawn if any_.title != one.title]


def _go_on(reader: Reader, taught: Taught) -> dict[str, torch.Tensor]:
    """Begin with what was learned before; returns that."""
    change(reader.network, taught.changes)
    with torch.no_grad():
        for name, values in taught.heads.items():
            head, layer, *bias = name.split(".")
            linear = getattr(reader, head)[_HEADS[layer]]
            (linear.bias if bias else linear.weight).copy_(torch.from_numpy(values))
    return {name: weight.detach().clone() for name, weight in reader.named_parameters()}


@torch.no_grad()
def _keep_half(reader: Reader, start: dict[str, torch.Tensor]) -> None:
    """The middle between what was known at the start, if anything, and what is known now."""
    for name, weight in reader.named_parameters():
        if name in start:
            weight.copy_((weight + start[name]) / 2)


def _teach(reader: Reader, train: Sequence[Asked], order: random.Random) -> None:
    learning = [weight for weight in reader.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=_RATE, weight_decay=0.01)
    steps = -(-len(train) // _BATCH)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1, anneal_strategy="linear")
    reader.train()
    for batch in _batches(reader, train, order):
        with torch.autocast("cpu", torch.bfloat16):
            sentences, there, states = reader([tokens for _, tokens in batch])
        optimizer.zero_grad()
        _loss(sentences.float(), there, states.float(), [one.states for one, _ in batch]).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        pace.step()


def _loss(sentences: Any, there: Any, states: Any, stated: Sequence[tuple[int, ...]]) -> Any:
    """Of each sentence alone, of which sentence it is where there is one, and of the whole."""
    right = torch.zeros_like(sentences)
    for row, numbers in enumerate(stated):
        right[row, [number for number in numbers if number < right.shape[1]]] = 1
    alone = surprise(sentences, right, reduction="none", pos_weight=torch.tensor(_STATED_WEIGHT))
    which = -(torch.log_softmax(sentences.masked_fill(~there, _NOWHERE), 1) * right).sum()
    whole = surprise(states, torch.tensor([float(bool(numbers)) for numbers in stated]))
    return (alone * there).sum(1).mean() / 3 + which / len(stated) / 3 + whole


def _batches(reader: Reader, asked: Sequence[Asked], order: random.Random) -> Iterator[list[tuple[Asked, Any]]]:
    """All of them in a new order, those of like length together."""
    mixed = [(one, reader.tokens(one)) for one in order.sample(asked, len(asked))]
    size = 16 * _BATCH
    windows = [sorted(mixed[at : at + size], key=lambda pair: len(pair[1][0])) for at in range(0, len(mixed), size)]
    batches = [window[at : at + _BATCH] for window in windows for at in range(0, len(window), _BATCH)]
    yield from order.sample(batches, len(batches))


@torch.no_grad()
def _show(reader: Reader, asked: Sequence[Asked], order: random.Random) -> None:
    reader.eval()
    whole, stated, right = [], [], []
    for batch in _batches(reader, asked, order):
        sentences, there, states = reader([tokens for _, tokens in batch])
        likeliest = sentences.masked_fill(~there, _NOWHERE).argmax(1).tolist()
        whole += states.tolist()
        stated += [bool(one.states) for one, _ in batch]
        right += [best in one.states for (one, _), best in zip(batch, likeliest, strict=True) if one.states]
    odds, answers = np.array(whole), np.array(stated)
    below = float((odds[~answers] < np.quantile(odds[answers], 0.05)).mean())
    auc = roc_auc_score(answers, odds)
    print(
        f"{len(odds)} held out: AUC {auc:.3f}, refused at .05 {below:.3f}, likeliest sentence {np.mean(right):.3f}", flush=True
    )


def _store(reader: Reader, before: dict[str, torch.Tensor]) -> None:
    """What was changed, in half precision, and the heads."""
    stored = {
        name: (weight.detach() - before[name]).half()
        for name, weight in reader.network.named_parameters()
        if weight.requires_grad
    }
    for name in ("states", "sentence"):
        head = getattr(reader, name)
        for layer, place in _HEADS.items():
            stored[f"head.{name}.{layer}"] = head[place].weight.detach().half()
            stored[f"head.{name}.{layer}.bias"] = head[place].bias.detach().half()
    save_file({name: values.contiguous() for name, values in stored.items()}, READER)
    print(f"{READER}: READER_SHA256 = {sha256_of([READER])}")


if __name__ == "__main__":
    main()
