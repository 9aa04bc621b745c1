"""Answers from the cache.

*infer() beyond the look-up*: ``InferenceOptimizer.infer`` of a cached 80-character string, less
``InferenceCache.get`` of the same key, both in a loop in one thread. *One thread*: hits among 1,000
entries in random order; ``cachetools.LRUCache`` is read as ``cache[key]`` under a
``threading.Lock`` within the loop, without a function around it; ``cachebox.LRUCache`` (compiled,
and without a byte budget or a lifetime) is there for information. *4 threads together*: look-ups
per second of all four against one alone.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import cachebox
import cachetools

from codomyrmex_lab.optimization import InferenceCache, InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.optimization.keys import exact_key
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import Samples, in_turn

N_ENTRIES = 1000
N_LOOKUPS = 200_000
N_THREADS = 4
N_ROUNDS = 9

Lookups = Callable[[list[str]], None]


def rows() -> list[Row]:
    keys = [f"{index:080d}" for index in range(N_ENTRIES)]
    order = random.Random(0).choices(keys, k=N_LOOKUPS)
    return [_infer(order), *_get(keys, order), *_together(keys, order)]


def _infer(order: list[str]) -> Row:
    config = OptimizationConfig(cache_max_size=N_ENTRIES)
    with InferenceOptimizer(_identity, config) as engine:
        engine.infer_batch(sorted(set(order)))
        cache = InferenceCache(N_ENTRIES)
        prepared = {key: ("fp32", exact_key(key)) for key in order}
        for key in prepared.values():
            cache.put(key, key[1])
        keys = [prepared[key] for key in order]

        def infer() -> float:
            call = engine.infer
            began_s = time.perf_counter()
            for item in order:
                call(item)
            return _each_us(began_s)

        def look_up() -> float:
            call = cache.get
            began_s = time.perf_counter()
            for key in keys:
                call(key)
            return _each_us(began_s)

        samples = in_turn({"infer": infer, "look-up": look_up}, N_ROUNDS)
    pairs = zip(samples["infer"].values, samples["look-up"].values, strict=True)
    beyond = Samples(tuple(infer_us - look_up_us for infer_us, look_up_us in pairs))
    return alone("infer() from the cache, beyond the look-up", "µs", beyond, Reach(at_most=2.0))


def _get(keys: list[str], order: list[str]) -> list[Row]:
    contestants = {name: _timed(order, make(keys)) for name, make in _CACHES.items()}
    samples = in_turn(contestants, N_ROUNDS)
    ours = samples.pop("ours")
    return [
        against(
            "cache hit, one thread",
            "µs",
            ours,
            name,
            theirs,
            less_is_better=True,
            reach=Reach(ratio_at_least=1 / 0.6) if name == "cachetools + Lock" else None,
        )
        for name, theirs in samples.items()
    ]


def _together(keys: list[str], order: list[str]) -> list[Row]:
    table = []
    for name, make in _CACHES.items():
        lookups = make(keys)
        samples = in_turn(
            {
                "together": lambda lookups=lookups: _rate(order, lookups, N_THREADS),
                "alone": lambda lookups=lookups: _rate(order, lookups, 1),
            },
            N_ROUNDS,
        )
        table.append(
            against(
                f"cache hits of {N_THREADS} threads together ({name})",
                "million/s",
                samples["together"],
                "one thread",
                samples["alone"],
                less_is_better=False,
                reach=Reach(ratio_at_least=0.7) if name == "ours" else None,
            )
        )
    return table


def _ours(keys: list[str]) -> Lookups:
    cache = InferenceCache(len(keys))
    for key in keys:
        cache.put(key, key)

    def lookups(order: list[str]) -> None:
        get = cache.get
        for key in order:
            get(key)

    return lookups


def _cachetools(keys: list[str]) -> Lookups:
    cache: Any = cachetools.LRUCache(len(keys))
    lock = threading.Lock()
    for key in keys:
        cache[key] = key

    def lookups(order: list[str]) -> None:
        for key in order:
            with lock:
                cache[key]

    return lookups


def _cachebox(keys: list[str]) -> Lookups:
    cache: Any = cachebox.LRUCache(len(keys))
    for key in keys:
        cache[key] = key

    def lookups(order: list[str]) -> None:
        get = cache.get
        for key in order:
            get(key)

    return lookups


_CACHES = {"ours": _ours, "cachetools + Lock": _cachetools, "cachebox": _cachebox}


def _timed(order: list[str], lookups: Lookups) -> Callable[[], float]:
    def run() -> float:
        began_s = time.perf_counter()
        lookups(order)
        return _each_us(began_s)

    return run


def _rate(order: list[str], lookups: Lookups, n_threads: int) -> float:
    """Return the look-ups of all threads, in million per second."""
    ready = threading.Barrier(n_threads + 1)

    def work() -> None:
        ready.wait()
        lookups(order)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    ready.wait()
    began_s = time.perf_counter()
    for thread in threads:
        thread.join()
    return n_threads * len(order) / (time.perf_counter() - began_s) / 1e6


def _each_us(began_s: float) -> float:
    return (time.perf_counter() - began_s) / N_LOOKUPS * 1e6


def _identity(inputs: list[Any]) -> list[Any]:
    return inputs
