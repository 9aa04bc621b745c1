"""Convert one ONNX file; run as a program of its own by :mod:`.conversion`.

ONNX Runtime's quantization tools print, warn and configure the root logger when imported. In a
process of their own they cannot do so to the user's, and a crash of theirs is only a reason.
The program imports nothing of the lab. It ends with a last line on stderr that says what failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_fp16(model: onnx.ModelProto, target: str) -> None:
    """Store weights and compute as float16; inputs and outputs keep their type."""
    converted = convert_float_to_float16(model, keep_io_types=True)
    _require_weights(
        converted, TensorProto.FLOAT16, "it has no float32 weights to store as float16"
    )
    for tensor in converted.graph.initializer:  # packed, not as one number of varying length each
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    onnx.save(converted, target)


def to_int8(model: onnx.ModelProto, target: str, *, per_channel: bool) -> None:
    """Store weights as int8 and quantize activations while running."""
    quantize_dynamic(model, target, weight_type=QuantType.QInt8, per_channel=per_channel)
    _require_weights(
        onnx.load(target), TensorProto.INT8, "no operator of it has weights to store as int8"
    )


def to_int4(model: onnx.ModelProto, target: str, *, block_size: int) -> None:
    """Store the weights of matrix products and look-up tables as int4, one scale per block."""
    quantizer = MatMulNBitsQuantizer(
        model,
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
    CONVERSIONS[quantization](onnx.load(source), target, **json.loads(settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
