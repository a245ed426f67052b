"""Teach the reader to tell what an abstract states: fit index/reader.safetensors.

    python bench/fit_reader.py INDEX QUESTIONS.jsonl... --abstracts FILE [--every N] [--out FILE]

A question is about the first of its `gold_titles`, or about the paper `about` that does not answer it; `states` are the
numbers of the sentences that answer it, without it those that its nuggets match. A quarter of the papers, by their titles, are
held out: what is learned is tried on them, and the refusals are fitted on them (bench/fit_sufficiency.py). Of the stated
questions that are nearest to their own paper some are also asked of the next, which answers none of them.

FILE has abstracts of papers that were never written, of all fields, so that what is learned holds for other collections too:
a line each with its `title`, its `sentences` and what is `asked`, pairs of a question and the numbers of the sentences that
answer it. Some questions are asked of an abstract that has nothing to do with them.

Every matrix of the second embedder's lower layers gets a narrow change (LoRA, Hu et al. 2022). Half of the time only some
sentences of an abstract are read, with those that state the answer or without: that is how the product reads, and what stands
in an abstract without them is the nearest of misses.

Prints how well the held-out questions that are stated are told from those that are not, of whole abstracts and of three
sentences: AUC, the share of the unstated below the lowest twentieth of the stated, and how often the likeliest sentence states
it. --every N takes but each Nth question, to try things out. Five minutes on a large GPU, a day on two cores. Needs peft.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fitting import held_out
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits as surprise

from assistant import Assistant, open_assistant
from assistant.evaluate import Question, holds, read_questions
from index import readable, title_key
from index.reading import MOST_TOKENS, lower_part, question_and_text
from index.weights import READER, mpnet_folder, sha256_of

_RANK, _RATE, _ROUNDS, _BATCH = 32, 4e-4, 3, 32
_NARROW = LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=r"encoder\..*\.(q|k|v|o|dense)")
_STATED_WEIGHT = 2.0  # few of a paper's sentences state what is asked
_NEXT = 0.35  # of the stated questions that are nearest to their paper, those asked of the next as well
_ELSEWHERE = 0.06  # of the stated questions, those asked of any other paper as well
_IN_PART, _STAYS_STATED = 0.5, 0.8  # how often some sentences are read, and how often they then state what all did
_ALL_BUT = 0.3  # where they do not, how often all others are read
_FEWEST, _SIZES = 4, (2, 3, 3, 3, 4)  # sentences that an abstract has to have for that, and how many are read
_HEADS = {"inner": 0, "outer": 2}  # their layers
_PAD, _NOWHERE = 1, -1e4
_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Asked:
    """A question with the paper that it is asked of, and the numbers of the sentences that state the answer."""

    question: str
    title: str
    sentences: tuple[str, ...]
    states: tuple[int, ...]

    def reduced(self, to: Sequence[int]) -> "Asked":
        """The same, asked of some of the sentences alone, by their numbers in order."""
        states = tuple(place for place, number in enumerate(to) if number in self.states)
        return replace(self, sentences=tuple(self.sentences[number] for number in to), states=states)


class Reader(torch.nn.Module):  # type: ignore[misc]
    """The lower part of the second embedder, narrow changes in it, and two heads on top."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        super().__init__()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.network = lower_part(folder)
        inject_adapter_in_model(_NARROW, self.network)
        for name, weight in self.network.named_parameters():
            weight.requires_grad_("lora_" in name)
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
        ids, places = ids.to(_DEVICE), places.to(_DEVICE)
        with torch.autocast(_DEVICE, torch.bfloat16):
            known = self.network(ids, attention_mask=(ids != _PAD).long()).last_hidden_state
        belongs = (places[:, None, :] == torch.arange(most, device=_DEVICE)[None, :, None]).float()
        sizes = belongs.sum(-1, keepdim=True)
        means, beside = belongs @ known.float() / sizes.clamp(min=1), known[:, :1].float().expand(-1, most, -1)
        return (
            self.sentence(torch.cat([means, beside], -1))[..., 0],
            sizes[..., 0] > 0,
            self.states(known[:, 0].float())[:, 0],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--abstracts", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--out", type=Path, default=READER)
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
    reader = Reader(mpnet_folder()).to(_DEVICE)
    _teach(reader, train, order)
    _show(reader, "whole abstracts", test)
    _show(reader, "three sentences", [_three_of(one, order) for one in test])
    _store(reader, args.out)


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
    """Stated questions, asked of the paper that is next nearest to them: none of its sentences states them."""
    known = {title_key(one.title): one for one in asked}
    ids, vectors = assistant.index.paper_vectors()
    titles = {paper.id: title_key(paper.title) for paper in assistant.papers}
    there = [(titles[id_], vector) for id_, vector in zip(ids, vectors, strict=True) if titles[id_] in known]
    matrix = np.stack([vector for _, vector in there])
    stated = [one for one in asked if one.states]
    found = []
    for one in order.sample(stated, int(_NEXT * len(stated))):
        first, second = np.argsort(-(matrix @ assistant.index.embed(one.question)))[:2]
        if there[first][0] == title_key(one.title):
            other = known[there[second][0]]
            found.append(Asked(one.question, other.title, other.sentences, ()))
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


def _in_part(asked: Asked, order: random.Random) -> Asked:
    """Half of the time asked of some sentences alone."""
    if len(asked.sentences) < _FEWEST or order.random() >= _IN_PART:
        return asked
    size, states = order.choice(_SIZES), sorted(set(asked.states))
    rest = [number for number in range(len(asked.sentences)) if number not in states]
    order.shuffle(rest)
    if states and order.random() < _STAYS_STATED:
        kept = {order.choice(states), *(number for number in states if order.random() < 0.6)}
        return asked.reduced(sorted({*kept, *rest[: max(size - len(kept), 1)]}))
    return asked.reduced(sorted(rest if order.random() < _ALL_BUT else rest[:size]))


def _three_of(asked: Asked, order: random.Random) -> Asked:
    """Asked of three sentences, one that states the answer among them if any does."""
    drawn = order.sample(range(len(asked.sentences)), min(3, len(asked.sentences)))
    return asked.reduced(sorted({*drawn[:2], *(asked.states[:1] or drawn[2:])}))


def _teach(reader: Reader, train: Sequence[Asked], order: random.Random) -> None:
    learning = [weight for weight in reader.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=_RATE, weight_decay=0.01)
    steps = _ROUNDS * -(-len(train) // _BATCH)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1, anneal_strategy="linear")
    reader.train()
    for _ in range(_ROUNDS):
        for batch in _batches(reader, [_in_part(one, order) for one in train], order.shuffle):
            sentences, there, states = reader([tokens for _, tokens in batch])
            optimizer.zero_grad()
            _loss(sentences, there, states, [one.states for one, _ in batch]).backward()
            torch.nn.utils.clip_grad_norm_(learning, 1.0)
            optimizer.step()
            pace.step()


def _loss(sentences: Any, there: Any, states: Any, stated: Sequence[tuple[int, ...]]) -> Any:
    """Of each sentence alone, of which sentence it is where there is one, and of the whole."""
    right = torch.zeros_like(sentences)
    for row, numbers in enumerate(stated):
        right[row, [number for number in numbers if number < right.shape[1]]] = 1
    alone = surprise(sentences, right, reduction="none", pos_weight=torch.tensor(_STATED_WEIGHT, device=_DEVICE))
    which = -(torch.log_softmax(sentences.masked_fill(~there, _NOWHERE), 1) * right).sum()
    whole = surprise(states, torch.tensor([float(bool(numbers)) for numbers in stated], device=_DEVICE))
    return (alone * there).sum(1).mean() / 3 + which / len(stated) / 3 + whole


def _batches(reader: Reader, asked: Sequence[Asked], shuffle: Callable[[list[Any]], None]) -> Iterator[list[tuple[Asked, Any]]]:
    """All of them in a new order, those of like length together."""
    mixed = [(one, reader.tokens(one)) for one in asked]
    shuffle(mixed)
    size = 16 * _BATCH
    windows = [sorted(mixed[at : at + size], key=lambda pair: len(pair[1][0])) for at in range(0, len(mixed), size)]
    batches = [window[at : at + _BATCH] for window in windows for at in range(0, len(window), _BATCH)]
    shuffle(batches)
    yield from batches


@torch.no_grad()
def _show(reader: Reader, name: str, asked: Sequence[Asked]) -> None:
    reader.eval()
    whole, stated, right = [], [], []
    for batch in _batches(reader, asked, lambda _: None):
        sentences, there, states = reader([tokens for _, tokens in batch])
        likeliest = sentences.masked_fill(~there, _NOWHERE).argmax(1).tolist()
        whole += states.tolist()
        stated += [bool(one.states) for one, _ in batch]
        right += [best in one.states for (one, _), best in zip(batch, likeliest, strict=True) if one.states]
    odds, answers = np.array(whole), np.array(stated)
    below = float((odds[~answers] < np.quantile(odds[answers], 0.05)).mean())
    auc = roc_auc_score(answers, odds)
    print(f"{name}: {len(odds)} held out, AUC {auc:.3f}, refused at .05 {below:.3f}, likeliest sentence {np.mean(right):.3f}")


def _store(reader: Reader, out: Path) -> None:
    """The narrow matrices and the heads, in half precision."""
    stored = {}
    for name, weight in reader.network.named_parameters():
        for side, ours in (("lora_A", "down"), ("lora_B", "up")):
            if f".{side}." in name:
                stored[f"{name.split(f'.{side}.')[0]}.weight.{ours}"] = weight
    for name in ("states", "sentence"):
        for layer, place in _HEADS.items():
            linear = getattr(reader, name)[place]
            stored |= {f"head.{name}.{layer}": linear.weight, f"head.{name}.{layer}.bias": linear.bias}
    save_file({name: weight.detach().half().cpu().contiguous() for name, weight in stored.items()}, out)
    print(f"{out}: READER_SHA256 = {sha256_of([out])}")


if __name__ == "__main__":
    main()
