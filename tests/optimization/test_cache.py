import threading
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.optimization import InferenceCache


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


operations = st.lists(
    st.tuples(st.sampled_from(["get", "put", "contains", "clear"]), st.integers(0, 6)),
    max_size=60,
)


@given(st.integers(1, 5), operations)
def test_behaves_like_a_plain_least_recently_used_cache(max_size, steps):
    cache, reference = InferenceCache(max_size), OrderedDict()
    for value, (operation, key) in enumerate(steps):
        if operation == "put":
            cache.put(key, value)
            reference[key] = value
            reference.move_to_end(key)
            while len(reference) > max_size:
                reference.popitem(last=False)
        elif operation == "get":
            assert cache.get(key, "absent") == reference.get(key, "absent")
            if key in reference:
                reference.move_to_end(key)
        elif operation == "contains":
            assert cache.contains(key) == (key in reference)
        else:
            cache.clear()
            reference.clear()
        assert cache.size == len(reference)


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
