import json
import sys
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.optimization import InferenceCache
from codomyrmex_lab.optimization.sizes import MAX_PARTS, size_bytes
from tests.optimization.conftest import VirtualClock


@pytest.mark.parametrize("value", [None, False, 0, "", []])
def test_any_stored_value_is_a_hit(value):
    cache = InferenceCache()
    cache.put("key", value)
    assert cache.get("key", default="absent") is value
    assert cache.contains("key")


def test_an_absent_key_gives_the_default():
    cache = InferenceCache()
    assert cache.get("key") is None
    assert cache.get("key", 7) == 7
    assert not cache.contains("key")


def test_the_least_recently_accessed_key_is_evicted():
    cache = InferenceCache(max_size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert (cache.contains("a"), cache.contains("b"), cache.contains("c")) == (True, False, True)
    assert cache.size == 2


def test_contains_does_not_count_as_an_access():
    cache = InferenceCache(max_size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.contains("a")
    cache.put("c", 3)
    assert not cache.contains("a")


def test_storing_again_replaces_the_value_and_counts_as_an_access():
    cache = InferenceCache(max_size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 10)
    cache.put("c", 3)
    assert cache.get("a") == 10
    assert not cache.contains("b")


def test_clear_forgets_everything():
    cache = InferenceCache()
    cache.put("a", 1)
    cache.clear()
    assert cache.size == 0
    assert not cache.contains("a")


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_refused_size_is_named(size):
    with pytest.raises(ValueError, match=f"max_size is {size}"):
        InferenceCache(max_size=size)


class PlainCache:
    """What the cache must do, said plainly: a dict in the order of access."""

    def __init__(self, clock):
        self.entries = OrderedDict()  # by key: value, and since when it ages, if it does
        self.max_size, self.ttl_s, self.max_bytes, self.clock = 3, None, None, clock

    def put(self, key, value):
        self.entries.pop(key, None)
        if self.max_bytes is None or self.bytes_of(key, value) <= self.max_bytes:
            self.entries[key] = value, None if self.ttl_s is None else self.clock.now_ns()
        self.evict()

    def get(self, key, default):
        if not self.contains(key):
            return default
        self.entries.move_to_end(key)
        return self.entries[key][0]

    def contains(self, key):
        if key in self.entries and self.expired(key):
            del self.entries[key]
        return key in self.entries

    def clear(self):
        self.entries.clear()

    def resize(self, **bounds):
        vars(self).update(bounds)
        for key, (value, since_ns) in list(self.entries.items()):
            if self.ttl_s is not None and since_ns is None:
                self.entries[key] = value, self.clock.now_ns()
            too_large = self.max_bytes is not None and self.bytes_of(key, value) > self.max_bytes
            if self.expired(key) or too_large:
                del self.entries[key]
        self.evict()

    def evict(self):
        while len(self.entries) > self.max_size or self.n_bytes > (self.max_bytes or self.n_bytes):
            self.entries.popitem(last=False)

    def expired(self, key):
        since_ns = self.entries[key][1]
        return self.ttl_s is not None and self.clock.now_ns() - since_ns >= self.ttl_s * 1e9

    def bytes_of(self, key, value):
        return size_bytes(key) + size_bytes(value)

    @property
    def n_bytes(self):
        return sum(self.bytes_of(key, value) for key, (value, _) in self.entries.items())


keys = st.integers(0, 6)
steps = st.one_of(
    st.tuples(st.just("put"), keys, st.sampled_from([0, 100, 250, 900])),
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("contains"), keys),
    st.tuples(st.just("clear")),
    st.tuples(st.just("seconds pass"), st.integers(1, 3)),
    st.tuples(
        st.just("resize"),
        st.fixed_dictionaries(
            {},
            optional={
                "max_size": st.integers(1, 5),
                "ttl_s": st.none() | st.integers(1, 5),
                "max_bytes": st.none() | st.sampled_from([200, 500, 1000, 2000]),
            },
        ),
    ),
)


@given(st.lists(steps, max_size=60))
def test_behaves_like_a_plain_least_recently_used_cache(actions):
    clock = VirtualClock()
    cache, reference = InferenceCache(3, clock=clock), PlainCache(clock)
    for action, *arguments in actions:
        if action == "put":
            key, n_bytes = arguments
            cache.put(key, bytes(n_bytes))
            reference.put(key, bytes(n_bytes))
        elif action == "get":
            assert cache.get(*arguments, "absent") == reference.get(*arguments, "absent")
        elif action == "contains":
            assert cache.contains(*arguments) == reference.contains(*arguments)
        elif action == "clear":
            cache.clear()
            reference.clear()
        elif action == "resize":
            cache.resize(**arguments[0])
            reference.resize(**arguments[0])
        else:
            clock._now_ns += arguments[0] * 10**9
        assert cache.size == len(reference.entries)
        assert cache.n_bytes == (0 if reference.max_bytes is None else reference.n_bytes)


def test_threads_never_see_a_foreign_value_or_too_many_entries():
    cache = InferenceCache(max_size=50)
    wrong = []

    def hammer(offset):
        for i in range(5000):
            key = (i * 7 + offset) % 100
            value = cache.get(key, None)
            if value not in (None, key * 10) or cache.size > 50:
                wrong.append((key, value))
            cache.put(key, key * 10)

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_entry_is_no_longer_used_once_it_reaches_its_age(clock):
    cache = InferenceCache(ttl_s=1.0, clock=clock)
    cache.put("a", 1)
    clock._now_ns += 999_999_999
    assert cache.get("a") == 1
    clock._now_ns += 1
    assert not cache.contains("a")
    assert cache.get("a", "absent") == "absent"
    assert (cache.size, cache.n_evicted) == (0, 1)
    cache.put("a", 2)
    assert cache.get("a") == 2


def test_the_byte_budget_holds_and_counts_keys_and_values():
    cache = InferenceCache(max_bytes=3000)
    for i in range(10):
        cache.put(i, np.zeros(100))
    assert 0 < cache.n_bytes <= 3000
    assert cache.size == 3
    assert cache.n_evicted == 7
    assert [cache.contains(i) for i in (6, 7, 8, 9)] == [False, True, True, True]
    cache.clear()
    assert cache.n_bytes == 0


def test_a_value_larger_than_the_budget_is_not_stored_and_replaces_what_it_supersedes():
    cache = InferenceCache(max_bytes=1000)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", np.zeros(1000))
    assert not cache.contains("a")
    assert cache.contains("b")


def test_resizing_drops_only_the_least_recent_entries_beyond_the_new_bounds():
    cache = InferenceCache(max_size=10)
    for i in range(10):
        cache.put(i, "x")
    cache.get(0)
    cache.resize(4)
    assert [i for i in range(10) if cache.contains(i)] == [0, 7, 8, 9]
    cache.resize(100, max_bytes=1)
    assert cache.size == 0


def test_a_smaller_size_lets_go_of_what_expired_before_anything_that_is_still_used(clock):
    cache = InferenceCache(max_size=3, ttl_s=10, clock=clock)
    cache.put("old", 1)
    clock._now_ns += 5 * 10**9
    cache.put("fresh", 2)
    assert cache.get("old") == 1  # the most recent one, until it expires
    clock._now_ns += 6 * 10**9
    cache.resize(1)
    assert (cache.contains("old"), cache.contains("fresh")) == (False, True)
    assert cache.n_evicted == 1


def test_bounds_that_are_not_mentioned_stay_and_none_takes_one_away(clock):
    cache = InferenceCache(5, ttl_s=1, max_bytes=1000, clock=clock)
    cache.resize(4)
    cache.put("large", bytes(2000))
    assert not cache.contains("large")
    cache.resize(max_bytes=None)
    cache.put("large", bytes(2000))
    assert cache.contains("large")
    clock._now_ns += 10**9
    assert not cache.contains("large")
    cache.resize(ttl_s=None)
    cache.put("large", bytes(2000))
    clock._now_ns += 10**9
    assert cache.contains("large")
    assert cache.max_size == 4


def test_a_new_budget_drops_a_value_that_is_larger_alone_and_not_all_that_is_older():
    cache = InferenceCache()
    cache.put("small", "x")
    cache.put("large", np.zeros(1000))
    cache.resize(1000, max_bytes=1000)
    assert (cache.contains("small"), cache.contains("large")) == (True, False)
    assert cache.n_evicted == 1


def test_entries_stored_while_nothing_aged_begin_to_age_when_a_ttl_is_set(clock):
    cache = InferenceCache(clock=clock)
    cache.put("a", 1)
    clock._now_ns += 10**12
    cache.resize(1000, ttl_s=1.0)
    assert cache.get("a") == 1
    clock._now_ns += 10**9
    assert cache.get("a") is None


@pytest.mark.parametrize(
    ("bounds", "says"),
    [({"ttl_s": 0}, "ttl_s is 0.*seconds above 0"), ({"max_bytes": 0}, "max_bytes is 0")],
)
def test_refused_bounds_are_named(bounds, says):
    with pytest.raises(ValueError, match=says):
        InferenceCache(**bounds)


def test_the_order_stays_exact_however_many_hits_lie_between_two_insertions():
    cache = InferenceCache(max_size=3)
    for key in "abc":
        cache.put(key, key)
    for _ in range(2000):
        cache.get("b")
        cache.get("a")
    cache.put("d", "d")
    assert [key for key in "abcd" if cache.contains(key)] == ["a", "b", "d"]


@dataclass
class Record:
    text: str
    values: list


class Plain:
    def __init__(self, **parts):
        vars(self).update(parts)


class Slotted:
    __slots__ = ("never_set", "part")

    def __init__(self, part):
        self.part = part


@dataclass
class Partial:
    text: str
    score: float = field(init=False)


class SaysItsSize:
    def __init__(self):
        self.parts = [0.5] * 100

    def __sizeof__(self):
        return 5000


def nested(depth):
    value = "x" * 60 * depth
    for _ in range(depth):
        value = [value]
    return value


def holding_itself():
    value = Plain(text="x" * 400)
    value.me = value
    return value


@pytest.mark.parametrize(
    ("value", "at_least"),
    [
        ("x" * 1000, 1000),
        (b"x" * 1000, 1000),
        ([0.5] * 100, 100 * 8),
        ({"key": "x" * 500}, 500),
        (np.zeros(1000), 8000),
        (np.zeros((1000, 8))[0], 64),
        (Record("x" * 300, [1, 2]), 300),
        (Partial("x" * 300), 300),
        (Plain(data=bytes(10**6)), 10**6),
        (Plain(inner=[Plain(data=bytes(10**5)), Slotted(np.zeros(10**4))]), 180_000),
        (Slotted("x" * 500), 500),
        (deque(["x" * 500]), 500),
        (MappingProxyType({"key": "x" * 500}), 500),
        (SaysItsSize(), 5000),
        (holding_itself(), 400),
        (nested(5000), 300_000),
        (Plain(model=json, kind=OrderedDict, function=json.dumps, parts="x" * 500), 500),
    ],
)
def test_estimated_sizes_follow_the_content(value, at_least):
    assert at_least <= size_bytes(value) <= 5 * at_least


def test_an_object_held_twice_counts_once():
    part = Plain(data=bytes(10_000))
    assert size_bytes([part, part]) < 11_000
    assert size_bytes([part, Plain(data=bytes(10_000))]) > 20_000


def test_a_value_of_too_many_objects_to_measure_is_larger_than_any_budget():
    cache = InferenceCache(max_bytes=10**9)
    cache.put("as many as are entered", [[] for _ in range(MAX_PARTS - 1)])
    cache.put("one more", [[] for _ in range(MAX_PARTS)])
    assert cache.contains("as many as are entered")
    assert not cache.contains("one more")


def test_a_value_may_hold_any_number_of_numbers():
    numbers = [float(i) for i in range(2 * MAX_PARTS)]
    assert size_bytes(numbers) == sys.getsizeof(numbers) + 24 * len(numbers)


def test_the_byte_budget_holds_for_results_that_are_plain_objects():
    cache = InferenceCache(max_bytes=1_500_000)
    for i in range(20):
        cache.put(i, Plain(data=bytes(10**6)))
    assert cache.size == 1
    assert cache.n_bytes > 10**6
