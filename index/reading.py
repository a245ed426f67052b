"""A question and an abstract read together: whether the abstract states what is asked, and which of its sentences do.

Vectors made apart tell what a text is about, not whether it answers; a network that reads both at once can tell (a
cross-encoder, Nogueira and Cho 2019), and learns it from questions that look alike and are not answered (Rajpurkar et al.
2018). It is made of lower layers of the second embedder, taught by bench/fit_reader.py on questions of our own; what was
changed in them lies in reader.safetensors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from . import weights
from .compiled import Network, change, compile_network
from .errors import ModelFailed

if TYPE_CHECKING:
    import torch

Values = NDArray[np.float32]

MOST_TOKENS = 512
LAYERS = (0, 1, 3, 4, 6, 7)  # of twelve: those above tell no more, and the two between are not missed
_LONGEST_QUESTION = 80  # tokens; a title is cut there too
_BEGIN, _END = 0, 2
_SAME = 0.98  # cosine
_PROBE = [0, 2058, 2130, 4408, 2083, 1033, 2, 2, 1041, 2520, 2, 1000, 2187, 1016, 2]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says to a question, as natural log odds: that it states what is asked, and for each of its sentences, (n,),
    that this one states it or a part of it.
    """

    states: float
    sentences: Values


class Reader(Protocol):
    """Reads a question and a text together."""

    def read(self, question: str, title: str, sentences: Sequence[str]) -> Reading:
        """What the text says to the question; of a text of no sentences, nothing."""
        ...


class CompiledReader:
    """The taught network, compiled; safe to share between threads."""

    def __init__(self, network: Path, folder: Path, heads: Mapping[str, Values], *, threads: int | None = None) -> None:
        """`heads`: the two small layers that turn what the network gives into log odds, one for all, one for a sentence."""
        from tokenizers import Tokenizer

        self._network = Network(network, threads=threads)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._heads = heads

    def read(self, question: str, title: str, sentences: Sequence[str]) -> Reading:
        """A text longer than the network reads at once is read in parts: what one of them states, it states."""
        asked, named, *said = self._tokens([question, title, *(f" {sentence}" for sentence in sentences)])
        room = MOST_TOKENS - len(question_and_text([asked, named])[0])
        parts = [self._read([asked, named, *part]) for part in _parts(said, room)]
        if not parts:
            return Reading(-np.inf, np.zeros(0, np.float32))
        return Reading(max(states for states, _ in parts), np.concatenate([odds for _, odds in parts]))

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]  # a batch's threads linger

    def _read(self, pieces: Sequence[Sequence[int]]) -> tuple[float, Values]:
        ids, places = question_and_text(pieces)
        known = self._network.read([ids])[0][0, : len(ids)]
        means = np.stack([known[np.array(places) == place].mean(axis=0) for place in range(len(pieces) - 2)])
        beside = np.broadcast_to(known[0], means.shape)
        return float(self._odds("states", known[:1])[0]), self._odds("sentence", np.hstack([means, beside]))

    def _odds(self, head: str, known: Values) -> Values:
        """(n,) log odds for (n, width), by one hidden layer."""
        inner = (self._heads[f"{head}.inner"] @ known.T).T + self._heads[f"{head}.inner.bias"]
        outer: Values = _gelu(inner) @ self._heads[f"{head}.outer"].T + self._heads[f"{head}.outer.bias"]
        return outer[:, 0]


def question_and_text(pieces: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """The tokens of a question, a title and sentences as they are read, and the sentence that each belongs to, -1 for none."""
    question, title, *sentences = pieces
    ids = [_BEGIN, *question[:_LONGEST_QUESTION], _END, _END, *title[:_LONGEST_QUESTION], _END]
    places = [-1] * len(ids)
    for place, sentence in enumerate(sentences):
        ids += [*sentence, _END]
        places += [place] * (len(sentence) + 1)
    return ids, places


def _parts(sentences: Sequence[Sequence[int]], room: int) -> Iterator[list[Sequence[int]]]:
    """As many whole sentences at a time as there is room for; one that is longer is cut."""
    part: list[Sequence[int]] = []
    left = room
    for tokens in (sentence[: room - 1] for sentence in sentences):
        if part and len(tokens) + 1 > left:
            yield part
            part, left = [], room
        part.append(tokens)
        left -= len(tokens) + 1
    if part:
        yield part


@lru_cache(maxsize=1)
def load_reader() -> Reader | None:
    """The reader that ships with the product; None where the weights that it builds on are not installed.

    Raises WeightsDamaged, ModelFailed.
    """
    if not weights.mpnet_installed():
        return None
    folder = weights.mpnet_folder()
    taught = weights.reader_weights()
    network = weights.made_once(
        folder / f"reader-int8-{weights.READER_SHA256[:8]}", lambda target: _compile(folder, taught.changes, target)
    )
    return CompiledReader(network / "model.xml", folder, taught.heads, threads=2)


def lower_layers(folder: Path, layers: Sequence[int] = LAYERS) -> "torch.nn.Module":
    """The layers of a folder's encoder that a reader is made of, before it is taught."""
    with weights.quiet_libraries():
        from torch.nn import ModuleList
        from transformers import AutoModel

        model = AutoModel.from_pretrained(str(folder), attention_probs_dropout_prob=0.0, add_pooling_layer=False)
    model.encoder.layer = ModuleList(model.encoder.layer[layer] for layer in layers)
    return model


def _compile(folder: Path, changes: Mapping[str, Values], target: Path) -> None:
    """Compile the taught network, and check that it gives the same."""
    import torch

    model = lower_layers(folder)
    change(model, changes)

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            known: torch.Tensor = model(input_ids, attention_mask=attention_mask).last_hidden_state
            return known

    encoder = Encoder()
    encoder.inner = model.eval()  # registered, so that its weights are traced as weights
    compile_network(encoder, target / "model.xml")
    with torch.no_grad():
        expected = encoder(torch.tensor([_PROBE]), torch.ones(1, len(_PROBE), dtype=torch.int64)).numpy()[0]
    found = Network(target / "model.xml").read([_PROBE])[0][0, : len(_PROBE)]
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = float(((found * expected).sum(axis=1) / lengths).min())
    if cosine < _SAME:
        raise ModelFailed(str(folder), f"the compiled reader differs from the original (cosine {cosine:.3f})")


def _gelu(values: Values) -> Values:
    """The activation that the heads were taught with, by its usual approximation."""
    activated: Values = 0.5 * values * (1 + np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)))
    return activated
