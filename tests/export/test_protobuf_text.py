"""Protobuf's text format as Triton's users write it."""

import pytest

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export import parse_config
from codomyrmex_lab.export.protobuf_text import read_protobuf

BY_HAND = """
name: 'mine'  # a comment
platform: "onnxruntime_onnx"
max_batch_size : 0x10
input [ { name: "x" dims: [ 3, -1 ] }, { name: "y" data_type: TYPE_FP32 } ]
dynamic_batching < max_queue_delay_microseconds: 100; >
instance_group [ { count: 1 }, { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]
"""


def test_a_config_written_by_hand_is_read() -> None:
    config = parse_config(BY_HAND, "triton")
    assert config.max_batch_size == 16
    assert config.batch_timeout_ms == 0.1
    assert config.num_workers == 3
    assert not config.enable_caching


def test_neighbouring_texts_are_one_and_escapes_are_undone() -> None:
    message = read_protobuf(r"""a: "x\"\n" '\101\x42' b { } c: { d: 1 }""", "text")
    assert message.text("a") == 'x"\nAB'
    assert message.messages("c")[0].integer("d") == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a", "a has no value at line 1"),
        ("a: 1\nb {", "'}' is missing at line 2"),
        ("a: }", "'}' stands where a word was expected"),
        ("\n\na: 1 @", "'@' at line 3"),
        ('a: "open', "at line 1"),
        ("a {" * 1000, "nested too deeply"),
    ],
)
def test_a_malformed_text_is_refused_with_its_line(text: str, part: str) -> None:
    with pytest.raises(ConfigFileError) as error:
        read_protobuf(text, "config.pbtxt")
    assert part in str(error.value)
    assert str(error.value).startswith("config.pbtxt is not well-formed protobuf text: ")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("max_batch_size: many", "max_batch_size is 'many'; expected a whole number"),
        ("max_batch_size { }", "max_batch_size is a message; expected a text"),
        ("dynamic_batching: 3", "dynamic_batching is '3'; expected a message"),
        ("max_batch_size: 8", "no dynamic_batching"),
        ("max_batch_size: -8 dynamic_batching { }", "max_batch_size is -8"),
        (
            "max_batch_size: 8 dynamic_batching { } response_cache { enable: perhaps }",
            "enable is 'perhaps'; expected true or false",
        ),
    ],
)
def test_a_wrong_field_is_named(text: str, part: str) -> None:
    with pytest.raises(ConfigFileError) as error:
        parse_config(text, "triton", "config.pbtxt")
    assert part in str(error.value)
