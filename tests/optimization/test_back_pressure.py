import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from codomyrmex_lab.errors import DeadlineExceededError, NotRunningError, QueueFullError
from codomyrmex_lab.optimization import (
    InferenceOptimizer,
    OptimizationConfig,
    QueueFullAction,
    RequestBatcher,
)

PATIENCE_S = 20.0


def bounded(action, places=2, **settings):
    return OptimizationConfig(
        max_batch_size=1,
        batch_timeout_ms=0.0,
        num_workers=1,
        max_queue_size=places,
        queue_full=action,
        **settings,
    )


def fill(engine, gate, places=2):
    running = engine.submit("running")
    gate.wait_entered()
    return running, [engine.submit(f"waiting {i}") for i in range(places)]


def test_reject_turns_the_newcomer_away_and_counts_it(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.REJECT)) as engine:
        _, waiting = fill(engine, gate)
        with pytest.raises(QueueFullError, match="2 requests wait already"):
            engine.submit("one too many")
        gate.open.set()
        assert [f.result(PATIENCE_S).output for f in waiting] == ["waiting 0", "waiting 1"]
        assert engine.infer("one too many").output == "one too many"
        assert engine.stats.rejected_requests == 1
        assert engine.stats.total_requests == 4


def test_shed_oldest_fails_the_one_that_has_waited_longest(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.SHED_OLDEST)) as engine:
        running, waiting = fill(engine, gate)
        newest = engine.submit("newest")
        with pytest.raises(QueueFullError, match="made room"):
            waiting[0].result(PATIENCE_S)
        gate.open.set()
        answered = [f.result(PATIENCE_S).output for f in (running, waiting[1], newest)]
        assert answered == ["running", "waiting 1", "newest"]
        assert engine.stats.shed_requests == engine.stats.failed_requests == 1


def test_a_flood_under_shed_oldest_keeps_the_queue_bounded(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.SHED_OLDEST, 10)) as engine:
        fill(engine, gate, places=10)
        flood = [engine.submit(i) for i in range(500)]
        assert engine.queue_length <= 10
        assert sum(f.done() for f in flood) == 490
        gate.open.set()
        assert [f.result(PATIENCE_S).output for f in flood[-10:]] == list(range(490, 500))


def test_block_waits_for_a_place(gate):
    with (
        InferenceOptimizer(gate, bounded(QueueFullAction.BLOCK)) as engine,
        ThreadPoolExecutor(4) as callers,
    ):
        fill(engine, gate)
        blocked = [callers.submit(engine.infer, f"blocked {i}") for i in range(4)]
        assert engine.queue_length == 2
        gate.open.set()
        assert [f.result(PATIENCE_S).output for f in blocked] == [f"blocked {i}" for i in range(4)]
        assert engine.stats.rejected_requests == engine.stats.failed_requests == 0


def test_a_blocked_caller_gives_up_at_its_deadline(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.BLOCK)) as engine:
        fill(engine, gate)
        with pytest.raises(DeadlineExceededError, match="queue was full"):
            engine.submit("late", timeout_ms=10)
        gate.open.set()
        assert engine.infer("late").output == "late"


def test_a_blocked_caller_is_told_when_the_engine_stops(gate):
    engine = InferenceOptimizer(gate, bounded(QueueFullAction.BLOCK))
    engine.start()
    fill(engine, gate)
    outcomes = []

    def blocked(n):
        try:
            outcomes.append(engine.submit(n).exception(PATIENCE_S))
        except NotRunningError as error:
            outcomes.append(error)

    callers = [threading.Thread(target=blocked, args=(n,)) for n in range(3)]
    for caller in callers:
        caller.start()
    engine.stop(drain_timeout_s=0.0)
    for caller in callers:
        caller.join(PATIENCE_S)
    assert [type(outcome) for outcome in outcomes] == [NotRunningError] * 3


def test_a_cancelled_request_frees_its_place_at_once(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.REJECT)) as engine:
        _, waiting = fill(engine, gate)
        assert waiting[0].cancel()
        assert engine.submit("in its place")
        with pytest.raises(QueueFullError):
            engine.submit("one too many")
        gate.open.set()
        assert engine.stats.cancelled_requests == 1


def test_hits_and_those_who_join_need_no_place(gate):
    with InferenceOptimizer(gate, bounded(QueueFullAction.REJECT)) as engine:
        gate.open.set()
        engine.infer("known")
        gate.wait_entered()
        gate.open.clear()
        _, waiting = fill(engine, gate)
        assert engine.infer("known").from_cache
        joined = engine.submit("waiting 0")
        gate.open.set()
        assert joined.result(PATIENCE_S).joined
        assert waiting[0].result(PATIENCE_S).output == "waiting 0"


def test_those_who_joined_a_request_that_was_turned_away_are_told_so(gate):
    """Two identical requests block; the first gives up, the second shares its fate or gets in."""
    config = bounded(QueueFullAction.BLOCK, 1)
    with InferenceOptimizer(gate, config) as engine, ThreadPoolExecutor(2) as callers:
        fill(engine, gate, places=1)
        twins = [callers.submit(engine.infer, "twin", timeout_ms=200) for _ in range(2)]
        for twin in twins:
            assert isinstance(twin.exception(PATIENCE_S), DeadlineExceededError)
        gate.open.set()
        assert engine.infer("twin").output == "twin"


def test_a_batcher_is_bounded_by_the_same_settings(gate):
    with RequestBatcher(
        1, 0.0, gate, max_queue_size=1, queue_full=QueueFullAction.REJECT
    ) as batcher:
        batcher.submit_async("running")
        gate.wait_entered()
        batcher.submit_async("waiting")
        with pytest.raises(QueueFullError):
            batcher.submit_async("one too many")
        gate.open.set()


def test_every_place_is_free_again_after_much_coming_and_going():
    config = bounded(QueueFullAction.SHED_OLDEST, 5).replace(num_workers=2, enable_caching=False)
    with InferenceOptimizer(lambda inputs: inputs, config) as engine:
        futures = []
        for i in range(3000):
            futures.append(engine.submit(i))
            if i % 7 == 0:
                futures[-1].cancel()
        for future in futures:
            future.cancelled() or future.exception(PATIENCE_S)
        assert engine._dispatcher._admission._n_waiting == 0
        stats = engine.stats
        assert stats.total_requests == 3000
