"""A config and a profile as the plain numbers that an event simulation runs on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import (
    NS_PER_MS,
    BatchingStrategy,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.simulation.service_profile import ServiceProfile

__all__ = ["ACTIONS", "NO_BOUND", "STRATEGIES", "Plan", "make_plan"]

STRATEGIES = tuple(BatchingStrategy)
ACTIONS = tuple(QueueFullAction)
NO_BOUND = 2**62
_N_FACTORS = 2**14


class Plan(NamedTuple):
    """Settings of one simulation; times are whole ns.

    ``strategy`` and ``queue_full`` are positions in ``STRATEGIES`` and ``ACTIONS``.

    ``table[level, calls, size]`` is the time of a batch, in ns, whose costliest request costs
    ``levels[level]``, while so many calls run. Batch number b takes
    ``factors[others, b % n_factors]`` times as long, where so many other calls run when its own
    begins, and ``extra_ns[gap, size]`` more, by the average time ``idle_ns[gap]`` for which no
    call ran before it and those before.

    ``dispatch_ns`` and ``deliver_ns`` are indexed by the size of the batch; for these and the
    other overheads see :class:`~codomyrmex_lab.simulation.overheads.Overheads`.
    """

    strategy: int
    max_batch_size: int
    timeout_ns: int
    latency_target_ns: int
    n_workers: int
    use_cache: bool
    cache_size: int
    ttl_ns: int
    ageing_ns: int
    max_queue_size: int
    queue_full: int
    levels: NDArray[np.float64]
    table: NDArray[np.float64]
    factors: NDArray[np.float64]
    idle_ns: NDArray[np.float64]
    extra_ns: NDArray[np.float64]
    submit_ns: NDArray[np.int64]
    submit_interval_ns: int
    hit_ns: int
    wake_ns: int
    timer_ns: int
    dispatch_ns: NDArray[np.int64]
    deliver_ns: NDArray[np.int64]


def make_plan(
    profile: ServiceProfile, config: OptimizationConfig, *, seed: int = 0, extrapolate: bool = False
) -> Plan:
    """Return the plan of a config on a profiled model.

    Parameters
    ----------
    profile : ServiceProfile
        Of the model.
    config : OptimizationConfig
        Settings.
    seed : int
        Of the draws from the profile's residuals.
    extrapolate : bool
        Whether the config may go beyond what was profiled.

    Raises
    ------
    ProfileError
        It does so without being allowed to.
    SettingError
        No batch could ever leave.
    """
    _check_batches_can_leave(config)
    idle_ns, extra_ns = profile.cold_start(
        config.quantization, config.num_workers, config.max_batch_size
    )
    target_ms, ttl_s = config.latency_target_ms, config.cache_ttl_s
    added, sizes = profile.overheads, np.arange(config.max_batch_size + 1)
    key_ns = added.key_ns if config.enable_caching else 0.0
    store_ns = added.store_request_ns if config.enable_caching else 0.0
    learns = config.batching_strategy is BatchingStrategy.ADAPTIVE
    dispatch_request_ns = added.dispatch_request_ns + learns * added.learn_request_ns
    timer_ns = round(added.timer_ns)
    # a worker that sleeps until a due time takes all that has come until it wakes
    decides_late = config.batching_strategy is BatchingStrategy.DYNAMIC
    return Plan(
        strategy=STRATEGIES.index(config.batching_strategy),
        max_batch_size=config.max_batch_size,
        timeout_ns=int(config.batch_timeout_ms * NS_PER_MS) + (timer_ns if decides_late else 0),
        latency_target_ns=FOREVER_NS if target_ms is None else int(target_ms * NS_PER_MS),
        n_workers=config.num_workers,
        use_cache=config.enable_caching,
        cache_size=config.cache_max_size,
        ttl_ns=FOREVER_NS if ttl_s is None else int(ttl_s * 1e9),
        ageing_ns=round(config.priority_ageing_ms * NS_PER_MS),
        max_queue_size=NO_BOUND if config.max_queue_size is None else config.max_queue_size,
        queue_full=ACTIONS.index(config.queue_full),
        levels=profile.costs,
        table=profile.service_table_ns(
            config.quantization, config.num_workers, config.max_batch_size, extrapolate=extrapolate
        ),
        factors=_factors(profile, config, seed),
        idle_ns=idle_ns,
        extra_ns=extra_ns,
        submit_ns=_lateness(profile, seed),
        submit_interval_ns=round(added.submit_interval_ns + key_ns),
        hit_ns=round(added.hit_ns),
        wake_ns=round(added.wake_ns),
        timer_ns=0 if decides_late else timer_ns,
        dispatch_ns=_whole_ns(added.dispatch_ns + dispatch_request_ns * sizes),
        deliver_ns=_whole_ns(added.deliver_ns + (added.deliver_request_ns + store_ns) * sizes),
    )


def _check_batches_can_leave(config: OptimizationConfig) -> None:
    places = config.max_queue_size
    if (
        config.batching_strategy is BatchingStrategy.FIXED
        and config.queue_full is QueueFullAction.BLOCK
        and places is not None
        and places < config.max_batch_size
    ):
        raise SettingError(
            f"FIXED waits for max_batch_size = {config.max_batch_size} requests, but only "
            f"max_queue_size = {places} may wait and the others are blocked, so that no batch "
            "ever leaves; raise max_queue_size, or choose another strategy or queue_full action."
        )


def _lateness(profile: ServiceProfile, seed: int) -> NDArray[np.int64]:
    """Draw how late the driver wakes; where that never differs, one stands for all."""
    ratios = profile.submit_residuals
    if not profile.overheads.submit_ns or (ratios == ratios[0]).all():
        return _whole_ns(profile.overheads.submit_ns * ratios[:1])
    return _whole_ns(profile.overheads.submit_ns * _drawn(ratios.tobytes(), (seed, 1)))


def _factors(profile: ServiceProfile, config: OptimizationConfig, seed: int) -> NDArray[np.float64]:
    """Draw the factors of the batches; where residuals do not differ, one stands for all."""
    residuals = [
        profile.noise(n_calls, config.max_batch_size)
        for n_calls in range(1, config.num_workers + 1)
    ]
    if all((one == one[0]).all() for one in residuals):
        return np.array([one[:1] for one in residuals])
    return _drawn_rows(tuple(one.tobytes() for one in residuals), seed)


@lru_cache(maxsize=32)
def _drawn_rows(residuals: tuple[bytes, ...], seed: int) -> NDArray[np.float64]:
    return np.array([_drawn(one, (seed,)) for one in residuals])


@lru_cache(maxsize=32)  # a search asks for the same ones for every config
def _drawn(values: bytes, seed: tuple[int, ...]) -> NDArray[np.float64]:
    return np.random.default_rng(seed).choice(np.frombuffer(values), _N_FACTORS)


def _whole_ns(times_ns: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    whole_ns: NDArray[np.int64] = np.rint(times_ns).astype(np.int64)
    return whole_ns
