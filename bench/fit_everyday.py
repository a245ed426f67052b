"""Teach the second embedder to read everyday words: fit index/everyday.safetensors.

    python bench/fit_everyday.py INDEX QUESTIONS.jsonl... [--abstracts FILE] [--out FILE]

Only how questions are read is fitted; the papers' vectors stay as they are. Every matrix of the network gets a narrow change
(LoRA, Hu et al. 2022) by which a question comes nearer to its paper than to the others, and stays near to where it was.
`--abstracts`: invented papers and questions about them in everyday words, to be learned from as well. A quarter of all papers
is held out: prints how many questions about those find their paper first, among five and among ten, by the second embedder
alone, before and after. Needs peft.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fitting import held_out
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from torch.nn.functional import cross_entropy, normalize

from assistant import Settings
from assistant.evaluate import read_questions
from assistant.opening import open_index
from index import Paper, sha256_of
from index.build import whole_text
from index.weights import EVERYDAY, mpnet_folder

_RANK, _RATE, _ROUNDS, _BATCH = 8, 1e-3, 3, 64
_TEMPERATURE = 0.03
_HOLD = 3.0  # what staying near counts beside coming nearer
_NARROW = LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=r"encoder\..*\.(q|k|v|o|dense)")

Asked = tuple[str, int]  # a question, and the place of its paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("questions", nargs="+", type=Path)
    parser.add_argument("--abstracts", type=Path)
    parser.add_argument("--out", type=Path, default=EVERYDAY)
    args = parser.parse_args()
    papers = list(open_index(Settings.read(index=args.index)).papers)
    about = [(q["question"], title) for path in args.questions for q in read_questions(path) for title in q["gold_titles"][:1]]
    if args.abstracts:
        invented = [json.loads(line) for line in args.abstracts.read_text(encoding="utf-8").splitlines()]
        papers += [Paper(one["title"], " ".join(one["sentences"])) for one in invented]
        about += [(asked, one["title"]) for one in invented for asked in one["everyday"]]
    places = {paper.title: place for place, paper in enumerate(papers)}
    train, test = (
        [(asked, places[title]) for asked, title in about if title in places and held_out(title) == out]
        for out in (False, True)
    )
    vectors = _vectors(_reader(), [whole_text(paper) for paper in papers])
    taught = _taught(train, vectors)
    for name, model in (("as it was", _reader()), ("taught", taught)):
        _show(name, _ranks(model, test, vectors))
    _store(taught, args.out)


def _reader() -> SentenceTransformer:
    return SentenceTransformer(str(mpnet_folder()), device="cpu")


def _vectors(model: SentenceTransformer, texts: Sequence[str]) -> torch.Tensor:
    return torch.tensor(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))


def _taught(asked: Sequence[Asked], papers: torch.Tensor) -> SentenceTransformer:
    torch.manual_seed(0)
    order = random.Random(0)
    model = _reader()
    known = sorted({place for _, place in asked})  # a paper without a question would only be pushed away
    rank = {place: row for row, place in enumerate(known)}
    before = dict(zip(asked, _vectors(model, [question for question, _ in asked]), strict=True))
    inject_adapter_in_model(_NARROW, model[0].auto_model)
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in name)
    narrow = [weight for weight in model.parameters() if weight.requires_grad]
    steps = _ROUNDS * -(-len(asked) // _BATCH)
    optimizer = torch.optim.AdamW(narrow, lr=_RATE)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=0.1, anneal_strategy="linear")
    model.train()
    for batch in (batch for _ in range(_ROUNDS) for batch in _batches(asked, order)):
        with torch.autocast("cpu", torch.bfloat16):
            found = model(model.preprocess([question for question, _ in batch]))["sentence_embedding"]
        found = normalize(found.float(), dim=1)
        nearest = cross_entropy(found @ papers[known].T / _TEMPERATURE, torch.tensor([rank[place] for _, place in batch]))
        moved = 1 - (found * torch.stack([before[pair] for pair in batch])).sum(dim=1).mean()
        optimizer.zero_grad()
        (nearest + _HOLD * moved).backward()
        torch.nn.utils.clip_grad_norm_(narrow, 1.0)
        optimizer.step()
        pace.step()
    return model.eval()


def _batches(asked: Sequence[Asked], order: random.Random) -> Iterator[list[Asked]]:
    """All questions in a new order, those of like length together."""
    mixed = order.sample(asked, len(asked))
    windows = [sorted(mixed[at : at + 8 * _BATCH], key=lambda pair: len(pair[0])) for at in range(0, len(mixed), 8 * _BATCH)]
    batches = [window[at : at + _BATCH] for window in windows for at in range(0, len(window), _BATCH)]
    yield from order.sample(batches, len(batches))


def _ranks(model: SentenceTransformer, asked: Sequence[Asked], papers: torch.Tensor) -> Any:
    cosines = (_vectors(model, [question for question, _ in asked]) @ papers.T).numpy()
    own = cosines[np.arange(len(asked)), [place for _, place in asked]]
    return (cosines > own[:, None]).sum(axis=1)


def _show(name: str, ranks: Any) -> None:
    first, five, ten = ((ranks < depth).mean() for depth in (1, 5, 10))
    print(f"{name:<10} {len(ranks):>5}  first {first:.3f}  among five {five:.3f}  among ten {ten:.3f}")


def _store(model: SentenceTransformer, out: Path) -> None:
    taught = {}
    for name, weight in model[0].auto_model.named_parameters():
        for side, ours in (("lora_A", "down"), ("lora_B", "up")):
            if f".{side}." in name:
                taught[f"{name.split(f'.{side}.')[0]}.weight.{ours}"] = weight.detach().half().contiguous()
    save_file(taught, out)
    print(f"{out}: EVERYDAY_SHA256 = {sha256_of([out])}")


if __name__ == "__main__":
    main()
