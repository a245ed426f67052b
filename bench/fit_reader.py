"""Teach the reader to tell what an abstract states: fit index/reader.safetensors.

    python bench/fit_reader.py INDEX QUESTIONS.jsonl... --abstracts FILE [--every N] [--out FILE]

What it learns from is told in asked.py. A quarter of the papers, by their titles, are held out: what is learned is tried on
them, and the refusals are fitted on them (bench/fit_sufficiency.py). FILE has abstracts of papers that were never written, of
all fields, so that what is learned holds for other collections too: a line each with its `title`, its `sentences` and what is
`asked`, pairs of a question and the numbers of the sentences that answer it.

First a teacher is taught, the lower eight layers of the second embedder, every matrix by a narrow change (LoRA, Hu et al.
2022). The reader has six of its layers, begins as the teacher is there, and learns from the same answers and from the teacher's
word (Hinton et al. 2015), also on papers beside the right one, about which no answer is known: so a quarter less to compute
tells as much. Mostly some sentences of an abstract are read, with those that state the answer or without: that is how the
product reads, and what stands in an abstract without them is the nearest of misses.

Prints how well the held-out questions that are stated are told from those that are not, of whole abstracts, of three sentences
and of the four nearest: AUC, the share of the unstated below the lowest twentieth of the stated, and how often the likeliest
sentence states it. --every N takes but each Nth question, to try things out. A quarter of an hour on a large GPU, days on two
cores. Needs peft.
"""

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asked import Asked, Pairs
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch.nn.functional import binary_cross_entropy_with_logits as surprise
from torch.nn.functional import log_softmax

from assistant import open_assistant
from assistant.evaluate import read_questions
from index import readable
from index.reading import LAYERS, MOST_TOKENS, lower_layers, question_and_text
from index.weights import READER, mpnet_folder, sha256_of

_STATED_WEIGHT = 2.0  # few of a paper's sentences state what is asked
_SHORT, _SIZES = 4, (2, 3, 3, 3, 4)  # abstracts of so few sentences are read whole; how many are read of others
_STAYS_STATED, _EACH_STATED = 0.8, 0.6  # how often some then state what all did, and each of the others that do is among them
_ALL_BUT = 0.3  # where none does, how often all others are read
_NEAREST = (3, 4, 4)  # how many of the nearest are read
_ANSWERS_WEIGHT = 0.5  # beside the teacher's word
_SOFTENED = 2.0  # log odds are divided by it before they are compared with the teacher's (Hinton et al. 2015)
_OPEN = 0.5  # of the pairs without answers, those read in a round
_HEADS = {"inner": 0, "outer": 2}  # their layers
_PAD, _NOWHERE = 1, -1e4
_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Read = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Course:
    """How a network is taught: its layers, how wide its narrow changes are, the pace of its steps (the heads' is a share of
    that), how many tokens a step reads, how often whole abstracts are read, and how often, of the rest, the nearest sentences.
    """

    layers: tuple[int, ...]
    rank: int
    rate: float
    heads: float
    rounds: int
    tokens: int
    whole: float
    nearest: float


_TEACHER = Course(tuple(range(8)), rank=32, rate=4e-4, heads=1.0, rounds=3, tokens=8_000, whole=0.5, nearest=0.0)
_READER = Course(LAYERS, rank=48, rate=7e-4, heads=0.5, rounds=23, tokens=20_000, whole=0.12, nearest=0.49)


class Reader(torch.nn.Module):  # type: ignore[misc]
    """Lower layers of the second embedder, narrow changes in them, and two heads on top."""

    def __init__(self, folder: Path, course: Course) -> None:
        from tokenizers import Tokenizer

        super().__init__()
        self.course = course
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.network = lower_layers(folder, course.layers)
        narrow = LoraConfig(r=course.rank, lora_alpha=course.rank, target_modules=r"encoder\..*\.(q|k|v|o|dense)")
        inject_adapter_in_model(narrow, self.network)
        for name, weight in self.network.named_parameters():
            weight.requires_grad_("lora_" in name)
        width = self.network.config.hidden_size
        self.sentence, self.states = (
            torch.nn.Sequential(torch.nn.Linear(size, width), torch.nn.GELU(), torch.nn.Linear(width, 1))
            for size in (2 * width, width)
        )

    @torch.no_grad()
    def begin_as(self, teacher: "Reader") -> None:
        """Take over what a teacher was taught, in the layers that both have: the first part of the wider changes."""
        known = dict(teacher.network.named_parameters())
        for name, weight in self.network.named_parameters():
            if "lora_" not in name:
                continue
            layer = int(name.split(".")[2])
            theirs = known[name.replace(f".{layer}.", f".{teacher.course.layers.index(self.course.layers[layer])}.", 1)]
            weight[: theirs.shape[0], : theirs.shape[1]] = theirs
        self.sentence.load_state_dict(teacher.sentence.state_dict())
        self.states.load_state_dict(teacher.states.state_dict())

    def tokens(self, asked: Asked) -> tuple[list[int], list[int]]:
        """The tokens of a question and a text, and the sentence that each belongs to, -1 for none."""
        parts = [asked.question, readable(asked.about.title), *(f" {sentence}" for sentence in asked.sentences)]
        encoded = self.tokenizer.encode_batch(parts, add_special_tokens=False)
        ids, places = question_and_text([encoding.ids for encoding in encoded])
        return ids[:MOST_TOKENS], places[:MOST_TOKENS]

    def forward(self, batch: Sequence[tuple[list[int], list[int]]]) -> Read:
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
    pairs = Pairs(assistant, questions, args.abstracts, order, every=args.every)
    known = f"{len(pairs.train)} to learn from and {len(pairs.open)} without answers"
    print(f"{known}, {len(pairs.test)} to try it on", flush=True)
    teacher = Reader(mpnet_folder(), _TEACHER).to(_DEVICE)
    _teach(teacher, pairs.train, order)
    _show(teacher, "teacher", pairs.test, order)
    reader = Reader(mpnet_folder(), _READER).to(_DEVICE)
    reader.begin_as(teacher)
    _teach(reader, pairs.train, order, pairs.open, teacher.eval())
    _show(reader, "reader", pairs.test, order)
    _store(reader, args.out)


def _in_part(asked: Asked, course: Course, order: random.Random) -> Asked:
    """Asked of some sentences alone, as often as the course wants: the nearest to the question, or some by chance."""
    if len(asked.sentences) <= _SHORT or order.random() < course.whole:
        return asked
    if order.random() < course.nearest:
        return asked.reduced(sorted(asked.nearest[: order.choice(_NEAREST)]))
    size, states = order.choice(_SIZES), sorted(set(asked.states or ()))
    rest = [number for number in range(len(asked.sentences)) if number not in states]
    order.shuffle(rest)
    if states and order.random() < _STAYS_STATED:
        kept = {order.choice(states), *(number for number in states if order.random() < _EACH_STATED)}
        return asked.reduced(sorted({*kept, *rest[: max(size - len(kept), 1)]}))
    return asked.reduced(sorted(rest if order.random() < _ALL_BUT else rest[:size]) or range(len(asked.sentences)))


def _teach(
    reader: Reader, train: Sequence[Asked], order: random.Random, open_: Sequence[Asked] = (), teacher: Reader | None = None
) -> None:
    course = reader.course
    narrow = [weight for name, weight in reader.network.named_parameters() if "lora_" in name]
    heads = [*reader.sentence.parameters(), *reader.states.parameters()]
    rates = (course.rate, course.rate * course.heads)
    optimizer = torch.optim.AdamW([{"params": narrow}, {"params": heads}], weight_decay=0.01)
    reader.train()
    for number in range(course.rounds):
        drawn = [*train, *order.sample(list(open_), int(_OPEN * len(open_)))]
        batches = list(_batches(reader, [_in_part(one, course, order) for one in drawn], order.shuffle))
        for step, batch in enumerate(batches):
            done = (number + step / len(batches)) / course.rounds
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * min(1.0, 50 * done) * (1 - done)
            read = reader([tokens for _, tokens in batch])
            loss = _by_answers(read, [one.states for one, _ in batch])
            if teacher:
                with torch.no_grad():
                    word = teacher([tokens for _, tokens in batch])
                loss = _ANSWERS_WEIGHT * loss + _by_word(read, word)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*narrow, *heads], 1.0)
            optimizer.step()


def _by_answers(read: Read, stated: Sequence[tuple[int, ...] | None]) -> torch.Tensor:
    """The loss of each sentence alone, of which one it is if any is, and of the whole, where answers are known."""
    sentences, there, states = read
    right, known = torch.zeros_like(sentences), torch.zeros_like(states)
    for row, numbers in enumerate(stated):
        if numbers is not None:
            known[row] = 1
            right[row, [number for number in numbers if number < right.shape[1]]] = 1
    alone = surprise(sentences, right, reduction="none", pos_weight=torch.tensor(_STATED_WEIGHT, device=_DEVICE)) * there
    which = -(log_softmax(sentences.masked_fill(~there, _NOWHERE), 1) * right).sum(1)
    whole = surprise(states, right.any(1).float(), reduction="none")
    return (known * (alone.sum(1) / 3 + which / 3 + whole)).sum() / known.sum().clamp(min=1)


def _by_word(read: Read, word: Read) -> torch.Tensor:
    """The same losses by what a teacher says, both softened."""
    sentences, there, states = read[0] / _SOFTENED, read[1], read[2] / _SOFTENED
    theirs, whole = word[0] / _SOFTENED, word[2] / _SOFTENED
    alone = (surprise(sentences, theirs.sigmoid(), reduction="none") * there).sum(1)
    likely = theirs.masked_fill(~there, _NOWHERE).softmax(1)
    which = -(likely * log_softmax(sentences.masked_fill(~there, _NOWHERE), 1)).sum(1)
    of_all = surprise(states, whole.sigmoid(), reduction="none")
    return (alone / 3 + which / 3 + of_all).mean() * _SOFTENED**2 / 2


def _batches(reader: Reader, asked: Sequence[Asked], shuffle: Callable[[list[Any]], None]) -> Iterator[list[tuple[Asked, Any]]]:
    """All of them in a new order, those of like length together, about as many tokens each time."""
    mixed = [(one, reader.tokens(one)) for one in asked]
    shuffle(mixed)
    batches, size = [], 4096
    for window in (sorted(mixed[at : at + size], key=lambda pair: len(pair[1][0])) for at in range(0, len(mixed), size)):
        batch: list[tuple[Asked, Any]] = []
        for pair in window:
            batch.append(pair)
            if len(batch) * len(pair[1][0]) >= reader.course.tokens:
                batches.append(batch)
                batch = []
        batches += [batch] if batch else []
    shuffle(batches)
    yield from batches


def _three_of(asked: Asked, order: random.Random) -> Asked:
    """Asked of three sentences, one that states the answer among them if any does."""
    drawn = order.sample(range(len(asked.sentences)), min(3, len(asked.sentences)))
    return asked.reduced(sorted({*drawn[:2], *((asked.states or ())[:1] or drawn[2:])}))


def _show(reader: Reader, name: str, asked: Sequence[Asked], order: random.Random) -> None:
    _show_of(reader, f"{name}, whole abstracts", asked)
    _show_of(reader, f"{name}, three sentences", [_three_of(one, order) for one in asked])
    _show_of(reader, f"{name}, the four nearest", [one.reduced(sorted(one.nearest[:4])) for one in asked])


@torch.no_grad()
def _show_of(reader: Reader, name: str, asked: Sequence[Asked]) -> None:
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
