"""Convert one ONNX file; run as a program of its own by :mod:`.conversion`.

ONNX Runtime's quantization tools print, warn and configure the root logger when imported. In a
process of their own they cannot do so to the user's, and a crash of theirs is only a reason.
The program imports nothing of the lab. Lines ``progress DONE TOTAL`` on stdout say how far it is;
it ends with a last line on stderr that says what failed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

_PRODUCTS = ["Conv", "ConvTranspose", "Gemm", "MatMul"]


class CalibrationInputs(CalibrationDataReader):  # type: ignore[misc]
    """Gives the quantizer one payload after the other, from a file of ``<payload>/<input>``."""

    def __init__(self, path: str) -> None:
        self._arrays = np.load(path, allow_pickle=False)
        names = [name.split("/", 1) for name in self._arrays.files]
        self._inputs = sorted({name for _, name in names})
        self._n_payloads = 1 + max(int(index) for index, _ in names)
        self._next = 0

    def __len__(self) -> int:
        return self._n_payloads

    def get_next(self) -> dict[str, Any] | None:
        """Return the inputs of the next payload, or None after the last."""
        index = self._next
        if index:
            _tell_progress(index, self._n_payloads + 1)
        if index == self._n_payloads:
            return None
        self._next += 1
        return {name: self._arrays[f"{index}/{name}"] for name in self._inputs}


def to_fp16(source: str, target: str) -> None:
    """Store weights and compute as float16; inputs and outputs keep their type."""
    converted = convert_float_to_float16(onnx.load(source), keep_io_types=True)
    _require_weights(
        converted, TensorProto.FLOAT16, "it has no float32 weights to store as float16"
    )
    for tensor in converted.graph.initializer:  # packed, not as one number of varying length each
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    onnx.save(converted, target)


def to_int8(
    source: str, target: str, *, per_channel: bool, calibration: CalibrationInputs | None = None
) -> None:
    """Store weights as int8; quantize activations by scales from calibration, or while running."""
    if calibration is None:
        quantize_dynamic(
            onnx.load(source), target, weight_type=QuantType.QInt8, per_channel=per_channel
        )
    else:
        model = _with_fused_biases(source)
        quantize_static(
            model,
            target,
            calibration,
            quant_format=QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # What is multiplied with weights, and nothing else: attention scores, masks and sums
            # keep their range, which one scale for all of them cannot hold.
            op_types_to_quantize=[*_PRODUCTS, "Gather"],
            nodes_to_exclude=_products_without_weights(model),
            extra_options={"OpTypesToExcludeOutputQuantization": _PRODUCTS},
        )
    converted = onnx.load(target)
    _require_weights(converted, TensorProto.INT8, "no operator of it has weights to store as int8")
    if calibration is not None:
        _round_for_products_alone(converted)
        onnx.save(converted, target)


def _with_fused_biases(source: str) -> onnx.ModelProto:
    """Return the model with each two-dimensional MatMul and its Add as one Gemm.

    ONNX Runtime fuses them when it opens a file. With weights already quantized and the bias not,
    it would find no integer kernel for the Gemm and convert the weights back at each call.
    """
    with tempfile.TemporaryDirectory() as folder:
        fused = f"{folder}/fused.onnx"
        quant_pre_process(source, fused, skip_onnx_shape=True, skip_symbolic_shape=True)
        model = onnx.load(fused)
    biases = {
        node.input[2] for node in model.graph.node if len(node.input) > 2 if node.op_type == "Gemm"
    }
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]  # the quantizer knows biases of one axis only
    return model


def _products_without_weights(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that multiply activations with activations.

    The quantizer's own option ``MatMulConstBOnly`` is not heeded in the format that is used here.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    names = []
    for index, node in enumerate(model.graph.node):
        if node.op_type in _PRODUCTS and node.input[1] not in weights:
            node.name = node.name or f"product_{index}"
            names.append(node.name)
    return names


def _round_for_products_alone(model: onnx.ModelProto) -> None:
    """Let every other reader of a rounded activation read it as it was, sums past a layer too.

    Rows of a look-up table are stored as int8 and have no other form.
    """
    made_by = {output: node for node in model.graph.node for output in node.output}
    unrounded = {}
    for node in model.graph.node:
        rounding = made_by.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if rounding is not None and rounding.op_type == "QuantizeLinear":
            maker = made_by.get(rounding.input[0])
            if maker is None or maker.op_type != "Gather":
                unrounded[node.output[0]] = rounding.input[0]
    for node in model.graph.node:
        if node.op_type not in _PRODUCTS:
            for index, name in enumerate(node.input):
                node.input[index] = unrounded.get(name, name)


def to_int4(source: str, target: str, *, block_size: int) -> None:
    """Store the weights of matrix products and look-up tables as int4, one scale per block."""
    # It loads sympy, for which the other conversions need not wait.
    from onnxruntime.quantization.matmul_nbits_quantizer import (  # noqa: PLC0415
        MatMulNBitsQuantizer,
    )

    quantizer = MatMulNBitsQuantizer(
        onnx.load(source),
        bits=4,
        block_size=block_size,
        is_symmetric=True,
        accuracy_level=4,
        op_types_to_quantize=("MatMul", "Gather"),
        quant_axes=(("MatMul", 0), ("Gather", 1)),
    )
    quantizer.process()
    converted = quantizer.model.model
    if not any(node.op_type in INT4_OPERATORS for node in converted.graph.node):
        raise SystemExit("it has no MatMul or Gather operator with weights to store as int4")
    onnx.save(converted, target)


def _require_weights(model: onnx.ModelProto, element_type: int, otherwise: str) -> None:
    """End with a reason unless the converted model stores a weight in this type."""
    constants = (attribute.t for node in model.graph.node for attribute in node.attribute)
    tensors = (*model.graph.initializer, *constants)
    if not any(tensor.data_type == element_type for tensor in tensors):
        raise SystemExit(otherwise)


CONVERSIONS: dict[str, Callable[..., None]] = {"fp16": to_fp16, "int8": to_int8, "int4": to_int4}
INT4_OPERATORS = {"MatMulNBits", "GatherBlockQuantized"}


def main(source: str, target: str, quantization: str, settings: str) -> None:
    """Convert ``source`` and write the result to ``target``; ``settings`` is a JSON object."""
    chosen = json.loads(settings)
    n_steps = 1
    if "calibration" in chosen:
        chosen["calibration"] = CalibrationInputs(chosen["calibration"])
        n_steps += len(chosen["calibration"])
    _tell_progress(0, n_steps)
    try:
        CONVERSIONS[quantization](source, target, **chosen)
    except Exception as error:  # the tools' errors share no other base
        traceback.print_exc()
        first, *_ = str(error).strip().splitlines() or [""]
        raise SystemExit(f"{type(error).__name__}: {first}") from error
    _tell_progress(n_steps, n_steps)


def _tell_progress(n_done: int, n_total: int) -> None:
    print("progress", n_done, n_total, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
