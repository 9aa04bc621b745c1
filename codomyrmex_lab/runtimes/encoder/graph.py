"""Build the ONNX graph of a BERT sentence encoder: token ids and mask in, one unit vector out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GRAPH_RECIPE", "EncoderShape", "build_graph"]

Weights = Mapping[str, NDArray[np.float32]]

GRAPH_RECIPE = 1  # raise it when another graph is built: graphs built before are not reused
_OPSET = 20  # the first with Gelu; LayerNormalization came with 17
_IR_VERSION = 10
_MASKED = -10_000.0  # exp() of it is 0 in float32, and float16 can still hold it


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Shape of an encoder, as far as its weights do not tell.

    Parameters
    ----------
    n_layers : int
        Transformer layers.
    n_heads : int
        Attention heads per layer.
    layer_norm_epsilon : float
        Added to the variance.
    """

    n_layers: int
    n_heads: int
    layer_norm_epsilon: float


def build_graph(weights: Weights, shape: EncoderShape) -> onnx.ModelProto:
    """Return an encoder as an ONNX model, pooling and normalization included.

    Its inputs are ``input_ids`` and ``attention_mask``, int64 of shape ``(batch, tokens)``; its
    output is ``embedding``, float32 of shape ``(batch, hidden)``: the mean over the tokens that
    are not masked, scaled to length 1.

    Parameters
    ----------
    weights : mapping of str to numpy.ndarray of float32
        By the names that BERT's own implementation gives them.
    shape : EncoderShape
        The rest of the architecture.

    Returns
    -------
    onnx.ModelProto
        Operators of opset 20 only.

    Raises
    ------
    KeyError
        A weight is missing; the key is its name.

    References
    ----------
    J. Devlin et al., BERT, NAACL 2019. N. Reimers and I. Gurevych, Sentence-BERT, EMNLP 2019.
    """
    graph = _Graph(weights, shape.layer_norm_epsilon)
    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    bias = _attention_bias(graph, mask)
    states = _embeddings(graph)
    for layer in range(shape.n_layers):
        prefix = f"encoder.layer.{layer}"
        attended = _attention(graph, f"{prefix}.attention", states, bias, shape.n_heads)
        states = graph.normalized(f"{prefix}.attention.output.LayerNorm", states, attended)
        inner = graph.node("Gelu", graph.linear(f"{prefix}.intermediate.dense", states))
        outer = graph.linear(f"{prefix}.output.dense", inner)
        states = graph.normalized(f"{prefix}.output.LayerNorm", states, outer)
    _pooling(graph, states, mask)
    return graph.model()


class _Graph:
    """A graph in the making: each method adds nodes and returns the name of their output."""

    def __init__(self, weights: Weights, epsilon: float) -> None:
        self._weights = weights
        self._epsilon = epsilon
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = f"{operator}_{len(self._nodes)}"
        output = output or name
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name, **attributes))
        return output

    def constant(self, name: str, value: Any, dtype: type[np.generic] = np.float32) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def weight(self, name: str) -> NDArray[np.float32]:
        return self._weights[name]

    def linear(self, name: str, states: str) -> str:
        matrix = self.constant(f"{name}.weight", self.weight(f"{name}.weight").T)
        bias = self.constant(f"{name}.bias", self.weight(f"{name}.bias"))
        return self.node("Add", self.node("MatMul", states, matrix), bias)

    def normalized(self, name: str, states: str, change: str) -> str:
        return self.node(
            "LayerNormalization",
            self.node("Add", states, change),
            self.constant(f"{name}.weight", self.weight(f"{name}.weight")),
            self.constant(f"{name}.bias", self.weight(f"{name}.bias")),
            axis=-1,
            epsilon=self._epsilon,
        )

    def model(self) -> onnx.ModelProto:
        hidden = len(self.weight("embeddings.LayerNorm.bias"))
        integers = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ("batch", "tokens"))
            for name in ("input_ids", "attention_mask")
        ]
        embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("batch", hidden))
        graph = helper.make_graph(
            self._nodes, "encoder", integers, [embedding], list(self._initializers.values())
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )


def _attention_bias(graph: _Graph, mask: str) -> str:
    """Add 0 for a token, and for padding a number that softmax turns into 0."""
    absent = graph.node("Sub", graph.constant("one", 1.0), mask)
    bias = graph.node("Mul", absent, graph.constant("masked", _MASKED))
    return graph.node("Unsqueeze", bias, graph.constant("bias_axes", [1, 2], np.int64))


def _embeddings(graph: _Graph) -> str:
    """Add the embeddings of tokens and positions; there is one sentence, so one token type."""
    words = graph.constant("words", graph.weight("embeddings.word_embeddings.weight"))
    places = graph.weight("embeddings.position_embeddings.weight")
    kind = graph.weight("embeddings.token_type_embeddings.weight")[0]
    n_tokens = graph.node("Shape", "input_ids", start=1, end=2)
    position = graph.node(
        "Slice",
        graph.constant("positions", places + kind),
        graph.constant("start", [0], np.int64),
        n_tokens,
    )
    tokens = graph.node("Gather", words, "input_ids")
    return graph.normalized("embeddings.LayerNorm", tokens, position)


def _attention(graph: _Graph, name: str, states: str, bias: str, n_heads: int) -> str:
    hidden = len(graph.weight(f"{name}.self.query.bias"))
    split = graph.constant("heads", [0, 0, n_heads, hidden // n_heads], np.int64)
    join = graph.constant("joined_heads", [0, 0, hidden], np.int64)
    scale = graph.constant("attention_scale", (hidden / n_heads) ** -0.5)

    def heads(part: str, axes: list[int]) -> str:
        projected = graph.linear(f"{name}.self.{part}", states)
        return graph.node("Transpose", graph.node("Reshape", projected, split), perm=axes)

    query = graph.node("Mul", heads("query", [0, 2, 1, 3]), scale)
    scores = graph.node("MatMul", query, heads("key", [0, 2, 3, 1]))
    shares = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
    attended = graph.node("MatMul", shares, heads("value", [0, 2, 1, 3]))
    merged = graph.node("Reshape", graph.node("Transpose", attended, perm=[0, 2, 1, 3]), join)
    return graph.linear(f"{name}.output.dense", merged)


def _pooling(graph: _Graph, states: str, mask: str) -> None:
    """Take the mean over the tokens and scale it to length 1."""
    token_axis = graph.constant("token_axis", [1], np.int64)
    shares = graph.node("Div", mask, graph.node("ReduceSum", mask, token_axis, keepdims=1))
    column = graph.node("Unsqueeze", shares, graph.constant("column_axis", [2], np.int64))
    mean = graph.node("ReduceSum", graph.node("Mul", states, column), token_axis, keepdims=0)
    graph.node("LpNormalization", mean, output="embedding", axis=-1, p=2)
