"""Text into vectors: the file that names sentence-transformers.

The default models run compiled, which gives the same vectors; any other model runs in sentence-transformers itself.
"""

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from . import weights
from .compiled import Network, change, compile_network
from .errors import ModelFailed, WeightsMissing, first_line

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

_BATCH = 8
_SAME_VECTOR = 0.99  # cosine
_PROBE = ["A title\nOne sentence of an abstract.", "What does dropout do?"]
_COMPILED = "openvino-int8-tokens"  # another name than before networks told of tokens, so that none of those is taken for one


@dataclass(frozen=True, slots=True)
class InContext:
    """A text as a model reads it: its vector, (dimension,), and those of its tokens where they stand, (n, width), with the
    part of the text that each of them is.

    All vectors are of unit length.
    """

    vector: Vectors
    tokens: Vectors
    places: Sequence[tuple[int, int]]


class PaperEmbeddings(Embeddings):
    """LangChain's Embeddings, and what chunking needs to know of the model behind it."""

    name: str
    dimension: int
    max_tokens: int

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32, each row of unit length; (0, dimension) for no texts."""

    @abstractmethod
    def count(self, texts: Sequence[str]) -> list[int]:
        """How many of the model's own tokens each text has, special tokens left out."""

    def in_context(self, texts: Sequence[str]) -> list[InContext]:
        """What `encode` gives, and the tokens; none of those from a model that does not tell of them."""
        nothing = np.zeros((0, self.dimension), np.float32)
        return [InContext(vector, nothing, []) for vector in self.encode(texts)]

    def words(self, words: Sequence[str]) -> Vectors:
        """(n, any width) float32 of unit length: what each word means by itself, whatever stands around it."""
        return self.encode(words)

    def everyday(self) -> "PaperEmbeddings":
        """What reads questions in everyday words instead, for the same vectors of papers: itself, unless it was taught that."""
        return self

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's interface: one vector a text."""
        rows: list[list[float]] = self.encode(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """LangChain's interface: the vector of a question."""
        return self.embed_documents([text])[0]


class SentenceTransformerEmbeddings(PaperEmbeddings):
    """Any sentence-transformers model, by its name on a hub or its folder."""

    def __init__(self, name: str, *, threads: int | None = None) -> None:
        self.name = name
        self._model = _sentence_transformer(name)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512)
        self._threads = threads
        self._tokens: Vectors | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As the model gives them, normalised."""
        import torch

        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        torch.set_num_threads(self._threads or os.cpu_count() or 1)
        vectors = self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, np.float32)

    def in_context(self, texts: Sequence[str]) -> list[InContext]:
        """As the model gives them; without tokens if its tokenizer does not tell where in a text they stand."""
        if not texts or not getattr(self._model.tokenizer, "is_fast", False):
            return super().in_context(texts)
        read = self._model.encode(list(texts), batch_size=_BATCH, output_value=None, show_progress_bar=False)
        cut = {"truncation": True, "max_length": self.max_tokens}
        places = self._model.tokenizer(list(texts), return_offsets_mapping=True, **cut)["offset_mapping"]
        return [_in_context(row, where) for row, where in zip(read, places, strict=True)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """With the model's tokenizer."""
        return [len(ids) for ids in self._pieces(texts)]

    def words(self, words: Sequence[str]) -> Vectors:
        """From what the model knows of its tokens before it reads; of a model without such, as `encode` gives them."""
        tokens = getattr(getattr(self._model[0], "auto_model", None), "get_input_embeddings", None)
        if tokens is None:
            return super().words(words)
        if self._tokens is None:
            self._tokens = weights.centred(tokens().weight.detach().numpy())
        return _of_pieces(self._tokens, self._pieces([f" {word}" for word in words]))

    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._model.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids


class CompiledEmbeddings(PaperEmbeddings):
    """A sentence-transformers folder that was compiled; safe to share between threads."""

    def __init__(
        self, network: Path, folder: Path, name: str, *, threads: int | None = None, everyday: Path | None = None
    ) -> None:
        """`everyday` is a second network, which was taught everyday words."""
        from tokenizers import Tokenizer

        self.name = name
        self._threads, self._taught = threads, everyday
        self._folder = folder
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._network = Network(network / "model.xml", threads=threads)
        self.dimension = self._network.width
        self.max_tokens = int((network / "max_tokens").read_text())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """In batches of texts of like length."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ids = [self._cut(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]
        for rows, (found, _) in self._read(ids):
            vectors[rows] = found
        return _of_unit_length(vectors)

    def in_context(self, texts: Sequence[str]) -> list[InContext]:
        """In batches of texts of like length."""
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = [self._cut(encoding.ids) for encoding in encodings]
        read: dict[int, InContext] = {}
        for rows, (vectors, tokens) in self._read(ids):
            for row, vector, own in zip(rows, _of_unit_length(vectors), tokens, strict=True):
                inner = slice(1, len(ids[row]) - 1)  # without the marks at both ends
                read[row] = InContext(vector, _of_unit_length(own[inner]), encodings[row].offsets[inner])
        return [read[row] for row in range(len(ids))]

    def count(self, texts: Sequence[str]) -> list[int]:
        """With the model's tokenizer."""
        return [len(ids) for ids in self._pieces(texts)]

    def words(self, words: Sequence[str]) -> Vectors:
        """From what the model knows of its tokens before it reads."""
        return _of_pieces(self._tokens, self._pieces([f" {word}" for word in words]))

    def everyday(self) -> PaperEmbeddings:
        """The network that was taught everyday words, if there is one; loaded when it is first asked for."""
        return self._everyday

    @cached_property
    def _everyday(self) -> PaperEmbeddings:
        return CompiledEmbeddings(self._taught, self._folder, self.name, threads=self._threads) if self._taught else self

    @cached_property
    def _tokens(self) -> Vectors:
        return weights.token_vectors(self._folder)

    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _read(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], list[Vectors]]]:
        """The rows of a batch, those of like length together, and what the network says of them."""
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            yield rows, self._network.read([ids[row] for row in rows])

    def _cut(self, ids: list[int]) -> list[int]:
        return ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]]


@lru_cache(maxsize=4)
def load_embeddings(name: str = weights.GRANITE, *, threads: int | None = None) -> PaperEmbeddings:
    """The embedder of a name: the default model, a sentence-transformers folder, or a model's name on a hub.

    `threads` is one for questions (a second one loses far more to a busy core than it gains), None for all cores.
    Raises WeightsMissing, WeightsDamaged, ModelFailed.
    """
    taught = None
    if name == weights.GRANITE:
        folder = weights.granite_folder()
    elif name == weights.MPNET and weights.mpnet_installed():
        folder = weights.mpnet_folder()
        taught = weights.made_once(
            folder / f"{_COMPILED}-{weights.EVERYDAY_SHA256[:8]}",
            lambda target: _compile(folder, target, weights.everyday_words()),
        )
    else:
        return SentenceTransformerEmbeddings(name, threads=threads)
    network = weights.made_once(folder / _COMPILED, lambda target: _compile(folder, target))
    return CompiledEmbeddings(network, folder, name, threads=threads, everyday=taught)


def _in_context(read: Mapping[str, Any], places: Sequence[tuple[int, int]]) -> InContext:
    """What sentence-transformers says of a text, without filling and the model's own marks, which stand nowhere in it."""
    tokens = read["token_embeddings"][read["attention_mask"].bool()].numpy()
    real = [row for row, (start, end) in enumerate(places) if end > start]
    vector = _of_unit_length(read["sentence_embedding"][None].numpy())[0]
    return InContext(vector, _of_unit_length(tokens[real]), [places[row] for row in real])


def _of_pieces(tokens: Vectors, pieces: Sequence[Sequence[int]]) -> Vectors:
    """The direction of each word's tokens together, of unit length; zeros for a word without any."""
    sums = np.zeros((len(pieces), tokens.shape[1]), np.float32)
    sizes = np.array([len(ids) for ids in pieces], np.intp)
    if sizes.any():
        starts = np.cumsum(sizes) - sizes
        known = np.asarray(tokens[list(chain.from_iterable(pieces))], np.float32)
        sums[sizes > 0] = np.add.reduceat(known, starts[sizes > 0])
    return _of_unit_length(sums)


def _of_unit_length(vectors: NDArray[np.floating]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def _sentence_transformer(name: str) -> "SentenceTransformer":
    local = Path(name).expanduser()
    if not local.exists() and os.environ.get("HF_HUB_OFFLINE") == "1" and "/" not in name:
        raise WeightsMissing(name, "give the folder of a sentence-transformers model, or the full name of one on a hub")
    try:
        with weights.quiet_libraries():
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(local) if local.exists() else name, device="cpu")
    except Exception as exc:  # the hub, the tokenizer and PyTorch each raise their own
        raise ModelFailed(name, f"sentence-transformers cannot load it ({first_line(exc)})") from exc


def _compile(folder: Path, target: Path, taught: Mapping[str, NDArray[np.float32]] | None = None) -> None:
    """Turn a sentence-transformers folder into a compiled network, and check that it gives the same vectors.

    `taught`: what is added to its matrices before, by their names.
    """
    import torch

    model = _sentence_transformer(str(folder))
    if taught:
        change(model[0].auto_model, taught)

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            read = model({"input_ids": input_ids, "attention_mask": attention_mask})
            return read["sentence_embedding"], read["token_embeddings"]

    encoder = Encoder()
    encoder.inner = model  # registered, so that its weights are traced as weights
    compile_network(encoder, target / "model.xml")
    (target / "max_tokens").write_text(str(model.max_seq_length))
    expected = model.encode(_PROBE, normalize_embeddings=True)
    found = CompiledEmbeddings(target, folder, "probe").encode(_PROBE)
    cosine = float((found * expected).sum(axis=1).min())
    if cosine < _SAME_VECTOR:
        raise ModelFailed(str(folder), f"the compiled model differs from the original (cosine {cosine:.3f})")
