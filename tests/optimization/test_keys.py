from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import UnkeyableInputError
from codomyrmex_lab.optimization.keys import exact_key

Point = namedtuple("Point", "x y")
Pair = namedtuple("Pair", "x y")


class Colour(Enum):
    RED = 1


class Level(IntEnum):
    ONE = 1


class Access(IntFlag):
    READ = 1
    WRITE = 2


class Code(Enum):
    OK = 200

    @classmethod
    def _missing_(cls, value):
        unknown = object.__new__(cls)
        unknown._name_, unknown._value_ = "UNKNOWN", value
        return unknown


@dataclass
class Prompt:
    text: str
    weights: list = field(default_factory=list)


@dataclass
class Query:
    text: str
    weights: list = field(default_factory=list)


DIFFERENT = [
    None,
    "",
    b"",
    "1",
    b"1",
    bytearray(b"1"),
    1,
    1.0,
    True,
    1 + 0j,
    0.0,
    -0.0,
    "None",
    [1],
    (1,),
    {1},
    frozenset({1}),
    [[1]],
    [True],
    [1.0],
    ["1"],
    {1: 2},
    {1: 2.0},
    {"a": 1, "b": 2},
    [("a", 1), ("b", 2)],
    range(1),
    Point(1, 2),
    Pair(1, 2),
    (1, 2),
    Colour.RED,
    Level.ONE,
    Access.READ,
    Access.READ | Access.WRITE,
    Access(8),
    Access(16),
    Prompt("a"),
    Prompt("a", [1]),
    Prompt("a", [True]),
    Query("a"),
    np.float32(1),
    np.float64(1),
    np.int64(1),
    np.array(1),
    np.array([1]),
    np.array([[1]]),
    np.array([1.0]),
    np.array([1], dtype=np.int32),
    np.array([1], dtype=">i4"),
    np.zeros((2, 3)),
    np.zeros((3, 2)),
    np.zeros(6),
]


def test_inputs_that_differ_in_type_shape_dtype_or_content_have_different_keys():
    keys = [exact_key(value) for value in DIFFERENT]
    for i, one in enumerate(keys):
        for j, other in enumerate(keys):
            assert (one == other) == (i == j), (DIFFERENT[i], DIFFERENT[j])


def test_a_large_array_that_differs_in_one_element_has_another_key():
    array = np.arange(100_000, dtype=np.float32)
    changed = array.copy()
    changed[50_000] += 1
    assert str(array) == str(changed)
    assert exact_key(array) != exact_key(changed)


def test_numbers_of_equal_hash_have_different_keys():
    assert hash(-1) == hash(-2)
    assert exact_key([-1]) != exact_key([-2])


def test_equal_content_has_an_equal_key_and_hash_whatever_the_memory_layout():
    array = np.arange(12.0).reshape(3, 4)
    for same in (array.copy(), np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2]):
        assert exact_key(same) == exact_key(array)
        assert hash(exact_key(same)) == hash(exact_key(array))


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([1, [2]], lambda v: v[1].append(3)),
        ({"a": [1]}, lambda v: v["a"].append(2)),
        (np.zeros(3), lambda v: v.__setitem__(0, 1)),
        (bytearray(b"a"), lambda v: v.append(1)),
        (Prompt("a", [1]), lambda v: v.weights.append(2)),
    ],
)
def test_changing_an_input_afterwards_leaves_its_key(value, change):
    key = exact_key(value)
    before = hash(key)
    change(value)
    assert hash(key) == before
    assert exact_key(value) != key


class Custom:
    pass


class Tagged(str):
    tag = None


class TaggedFloat(np.float64):
    tag = None


@dataclass
class Table(dict):
    name: str = ""


class Hidden:
    __slots__ = ("hidden",)


@dataclass
class PromptBesideHidden(Hidden):
    text: str


@pytest.mark.parametrize(
    "value",
    [
        Custom(),
        [Custom()],
        {"a": Custom()},
        Tagged("a"),
        TaggedFloat(1),
        Table("a"),
        PromptBesideHidden("a"),
        Code(404),
        memoryview(b"a"),
        OrderedDict(a=1),
        lambda: 0,
        np.array([object()]),
        np.ma.array([1]),
        iter([1]),
    ],
)
def test_unkeyable_input_is_refused_naming_key_fn(value):
    with pytest.raises(UnkeyableInputError, match="key_fn"):
        exact_key(value)


def test_a_dataclass_with_extra_attributes_is_refused():
    prompt = Prompt("a")
    prompt.temperature = 0.5
    with pytest.raises(UnkeyableInputError, match="'temperature'"):
        exact_key(prompt)


def test_an_input_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(UnkeyableInputError, match="contains itself"):
        exact_key(loop)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 1.0, 2.0, float("inf"), float("nan")])
    | st.sampled_from(["", "1", "a"])
    | st.sampled_from([b"", b"1", b"a"])
)
nested = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", 1, True, 1.0]), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(nested, nested)
def test_keys_are_equal_exactly_where_the_written_form_is(one, other):
    assert (exact_key(one) == exact_key(other)) == (repr(one) == repr(other))


def test_a_slotted_dataclass_is_keyed_by_its_fields():
    @dataclass(slots=True)
    class Slotted:
        text: str

    assert exact_key(Slotted("a")) == exact_key(Slotted("a")) != exact_key(Slotted("b"))


@dataclass
class Draft:
    text: str
    score: float = field(init=False)


@pytest.mark.parametrize("value", [Draft("a"), [Draft("a")]])
def test_a_dataclass_with_a_field_that_was_never_set_is_refused_by_name(value):
    with pytest.raises(UnkeyableInputError, match=r"Draft has no value for 'score'.*key_fn"):
        exact_key(value)


def test_a_dataclass_whose_late_field_was_set_has_a_key():
    one, other = Draft("a"), Draft("a")
    one.score, other.score = 1.0, 2.0
    assert exact_key(one) != exact_key(other)
