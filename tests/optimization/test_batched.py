"""A batch function that is called one item at a time."""

import asyncio
import copy
import gc
import inspect
import threading
import weakref
from dataclasses import dataclass
from datetime import date

import pytest

from codomyrmex_lab import OptimizationConfig, batched
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization import BatchingStrategy, CloseReason

PATIENCE_S = 20.0
AT_ONCE = OptimizationConfig(batch_timeout_ms=0.0, num_workers=1)


def test_calls_of_one_item_are_batched_and_cached():
    calls = []

    @batched(max_batch_size=8, batch_timeout_ms=0.0)
    def double(numbers):
        """Double each number."""
        calls.append(numbers)
        return [2 * number for number in numbers]

    assert double(21) == 42
    assert double(21) == 42
    assert calls == [[21]]
    assert double.__name__ == "double"
    assert double.__doc__ == "Double each number."
    assert double.submit(4).result(PATIENCE_S).output == 8
    assert double.engine.stats.cache_hits == 1
    double.stop()
    assert double(5) == 10
    double.stop()


def test_an_async_batch_function_is_awaited():
    @batched(AT_ONCE)
    async def triple(numbers):
        return [3 * number for number in numbers]

    assert asyncio.run(triple(3)) == 9
    triple.stop()


def test_it_decorates_without_parentheses_too():
    @batched
    def double(numbers):
        return [2 * number for number in numbers]

    assert double.engine.config == OptimizationConfig()
    assert double(21) == 42
    double.stop()


def test_it_takes_a_function_and_settings_in_one_call():
    double = batched(lambda numbers: [2 * number for number in numbers], batch_timeout_ms=0.0)
    assert double(21) == 42
    double.stop()


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        ([], {"batch_size": 3}, "'batch_size'"),
        ([32], {}, "given 32.*OptimizationConfig"),
    ],
)
def test_what_it_cannot_use_is_named(arguments, settings, says):
    with pytest.raises(SettingError, match=says):
        batched(*arguments, **settings)


def test_what_is_no_function_cannot_be_decorated():
    with pytest.raises(SettingError, match=r"str.*expected a callable"):
        batched(AT_ONCE)("text")


def test_key_fn_gives_inputs_a_key_that_have_none():
    @batched(AT_ONCE, key_fn=date.toordinal)
    def years(days):
        return [day.year for day in days]

    assert years(date(2024, 2, 29)) == 2024
    assert years(date(2024, 2, 29)) == 2024
    assert years.engine.stats.cache_hits == 1
    years.stop()


def test_bucket_fn_keeps_inputs_of_unlike_length_apart():
    batches = []

    @batched(
        max_batch_size=2, batching_strategy=BatchingStrategy.FIXED, num_workers=1, bucket_fn=len
    )
    def echo(texts):
        batches.append(texts)
        return texts

    for future in [echo.submit(text) for text in ("a", "bb", "c", "dd")]:
        future.result(PATIENCE_S)
    assert batches == [["a", "c"], ["bb", "dd"]]
    echo.stop()


class Scaler:
    def __init__(self, factor):
        self.factor = factor
        self.batches = []

    @batched(max_batch_size=2, batching_strategy=BatchingStrategy.FIXED, num_workers=1)
    def scale(self, numbers):
        """Multiply each number."""
        self.batches.append(numbers)
        return [self.factor * number for number in numbers]

    @batched(AT_ONCE)
    async def scale_async(self, numbers):
        return [self.factor * number for number in numbers]

    @batched(AT_ONCE)
    def scale_at_once(self, numbers):
        return [self.factor * number for number in numbers]


def test_a_method_has_batches_and_a_cache_for_each_instance():
    one, other = Scaler(2), Scaler(3)
    futures = [
        one.scale.submit(1),
        other.scale.submit(1),
        one.scale.submit(5),
        other.scale.submit(7),
    ]
    assert [future.result(PATIENCE_S).output for future in futures] == [2, 3, 10, 21]
    assert (one.batches, other.batches) == ([[1, 5]], [[1, 7]])
    assert (one.scale(1), other.scale(1)) == (2, 3)
    assert one.scale.engine.stats.close_reasons == {CloseReason.FULL: 1}
    assert one.scale.engine is one.scale.engine is not other.scale.engine
    one.scale.stop()
    other.scale.stop()


def test_an_async_method_is_awaited():
    scaler = Scaler(2)

    async def main():
        return await asyncio.gather(*(scaler.scale_async(number) for number in range(5)))

    assert asyncio.run(main()) == [0, 2, 4, 6, 8]
    scaler.scale_async.stop()


def test_a_method_looks_like_the_function_it_was():
    assert Scaler.scale.__name__ == "scale"
    assert Scaler(1).scale.__doc__ == "Multiply each number."
    assert list(inspect.signature(Scaler(1).scale).parameters) == ["numbers"]


def test_a_method_can_be_kept_and_called_like_any_bound_method():
    scale = Scaler(2).scale_at_once
    gc.collect()
    assert scale(21) == 42
    scale.stop()


def test_a_copied_instance_does_not_share_the_engine_of_the_first():
    one = Scaler(2)
    assert one.scale_at_once(1) == 2
    other = copy.copy(one)
    other.factor = 5
    assert other.scale_at_once(1) == 5
    one.scale_at_once.stop()
    other.scale_at_once.stop()


def test_instances_that_are_equal_and_not_hashable_have_engines_of_their_own():
    @dataclass
    class Box:
        seen: list

        @batched(AT_ONCE)
        def put(self, items):
            self.seen += items
            return items

    one, other = Box([]), Box([])
    one.put(1)
    assert (one.seen, other.seen) == ([1], [])
    one.put.stop()


def test_an_instance_is_not_kept_alive_by_its_engine_which_ends_with_it():
    scaler = Scaler(2)
    assert scaler.scale_at_once(1) == 2
    gone = weakref.ref(scaler)
    workers = [t for t in threading.enumerate() if t.name.startswith("batch-worker")]
    assert workers
    del scaler
    gc.collect()
    assert gone() is None
    for worker in workers:
        worker.join(PATIENCE_S)
        assert not worker.is_alive()


def test_what_was_submitted_is_answered_though_nobody_else_holds_the_instance():
    futures = [Scaler(2).scale_at_once.submit(number) for number in range(20)]
    gc.collect()
    assert [future.result(PATIENCE_S).output for future in futures] == [2 * n for n in range(20)]


def test_an_instance_that_cannot_be_referred_to_weakly_is_refused_saying_what_to_do():
    class Slotted:
        __slots__ = ()

        @batched(AT_ONCE)
        def echo(self, items):
            return items

    with pytest.raises(SettingError, match=r"Slotted.*__weakref__"):
        Slotted().echo(1)


def test_a_static_method_is_a_function_like_any_other():
    class Tools:
        @staticmethod
        @batched(AT_ONCE)
        def double(numbers):
            return [2 * number for number in numbers]

    assert Tools.double(2) == Tools().double(2) == 4
    Tools.double.stop()
