"""Networks compiled by OpenVINO: the only file that names it. They run several times faster than in PyTorch, and to ask a
question neither that nor transformers has to be imported.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import weights
from .errors import ModelFailed, first_line

if TYPE_CHECKING:
    import torch

_ROUNDED_TOGETHER = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
_TO_ITS_CORE = "ENABLE_CPU_PINNING"  # two networks of a thread each would be held to the same core, and wait for each other
_PAD = 1
_WIDTHS = 16  # tokens; texts are filled up to a multiple, for each new width costs some milliseconds of preparation


class Network:
    """A compiled network that reads tokens; safe to share between threads."""

    def __init__(self, file: Path, *, threads: int | None = None) -> None:
        """`threads`: all cores' if none are named."""
        hints: dict[str, Any] = {_ROUNDED_TOGETHER: 128, _TO_ITS_CORE: False}
        hints |= {"INFERENCE_NUM_THREADS": threads} if threads else {}
        self._compiled = openvino().Core().compile_model(str(file), "CPU", hints)
        self._requests = threading.local()

    @property
    def width(self) -> int:
        """How wide its first output is."""
        return int(self._compiled.output(0).partial_shape[-1].get_length())

    def read(self, batch: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Its outputs for texts given as tokens, a row a text; what it says of each token goes on beyond a text's end."""
        width = -(-max(len(ids) for ids in batch) // _WIDTHS) * _WIDTHS
        tokens = np.full((len(batch), width), _PAD, np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        if not hasattr(self._requests, "request"):
            self._requests.request = self._compiled.create_infer_request()
        result = self._requests.request.infer({"input_ids": tokens, "attention_mask": mask})
        return [np.array(values, np.float32) for values in result.to_tuple()]


def compile_network(module: "torch.nn.Module", file: Path) -> None:
    """Turn a module whose forward takes input_ids and attention_mask, (texts, tokens) each, into a file for `Network`."""
    import torch

    example = {name: torch.ones((2, 8), dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    ov = openvino()
    with torch.no_grad(), weights.quiet_libraries():
        network = ov.convert_model(module.eval(), example_input=example)
    _lighten(network)
    file.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(network, str(file), compress_to_fp16=False)


def change(model: "torch.nn.Module", changes: Mapping[str, NDArray[np.float32]]) -> None:
    """Add to a model's weights what it was taught since, by their names."""
    import torch

    known = dict(model.named_parameters())
    with torch.no_grad():
        for name, values in changes.items():
            known[name] += torch.from_numpy(values)


def _lighten(network: Any) -> None:
    """Turn the weights of matrix products into eight-bit numbers with a scale an output: a question waits for memory, and
    these are a half or a quarter as much to read.
    """
    from openvino import opset13 as ops

    for product in network.get_ordered_ops():
        if product.get_type_name() != "MatMul" or (source := product.input_value(1).get_node()).get_type_name() != "Constant":
            continue
        weights_ = np.asarray(source.data, np.float32)
        inner = 1 if product.get_attributes()["transpose_b"] else 0
        scale = np.maximum(np.abs(weights_).max(axis=inner, keepdims=True) / 127, 1e-9).astype(np.float32)
        eight_bit = ops.convert(ops.constant(np.rint(weights_ / scale).astype(np.int8)), "f32")
        product.input(1).replace_source_output(ops.multiply(eight_bit, ops.constant(scale)).output(0))
    network.validate_nodes_and_infer_types()


def openvino() -> Any:
    """OpenVINO without its telemetry, which would contact a server on import: it works as if that were not installed."""
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino as library
    except ImportError as exc:
        raise ModelFailed("openvino", f"cannot be loaded ({first_line(exc)}); reinstall it") from exc
    finally:
        if sys.modules.get("openvino_telemetry", ...) is None:
            del sys.modules["openvino_telemetry"]
    return library
