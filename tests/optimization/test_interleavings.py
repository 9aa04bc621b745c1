"""Random interleavings of everything a caller can do, on the real engine in virtual time."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from codomyrmex_lab.errors import DeadlineExceededError, QueueFullError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    CloseReason,
    InferenceOptimizer,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.optimization.models import NS_PER_MS

from .conftest import PATIENCE_S, VirtualClock, wait_until

FIXED, DYNAMIC, ADAPTIVE = BatchingStrategy
configs = st.builds(
    OptimizationConfig,
    batching_strategy=st.sampled_from(BatchingStrategy),
    max_batch_size=st.integers(1, 4),
    batch_timeout_ms=st.integers(0, 20).map(float),
    num_workers=st.integers(1, 2),
    enable_caching=st.booleans(),
    cache_max_size=st.integers(1, 3),
    priority_ageing_ms=st.sampled_from([1.0, 1000.0]),
    max_queue_size=st.sampled_from([None, 2, 5]),
    queue_full=st.sampled_from([QueueFullAction.REJECT, QueueFullAction.SHED_OLDEST]),
)


class Told:
    """Counts how often the observer was told of each request, and keeps the batches."""

    def __init__(self):
        self.times = Counter()
        self.batches = []

    def on_batch(self, batch):
        self.batches.append((batch.id, batch.reason, batch.start_ns, list(batch.requests)))
        self.times.update(r.id for leader in batch.requests for r in leader.everyone)

    def on_cache_hit(self, request_id, *event):
        self.times[request_id] += 1

    def on_unserved(self, request, end_ns, error):
        self.times[request.id] += 1


class Interleavings(RuleBasedStateMachine):
    @initialize(config=configs)
    def begin(self, config):
        self.clock, self.told = VirtualClock(), Told()
        self.configs = [config]
        self.flushed_ns = set()
        self.futures = []
        self.n_rejected = 0
        self.engine = InferenceOptimizer(
            lambda xs: [("answer", x) for x in xs], config, observer=self.told, clock=self.clock
        )
        self.engine.start()

    @rule(
        x=st.integers(0, 5),
        priority=st.integers(0, 2),
        timeout_ms=st.none() | st.integers(1, 30).map(float),
    )
    def submit(self, x, priority, timeout_ms):
        due_ns = None if timeout_ms is None else self.clock.now_ns() + timeout_ms * NS_PER_MS
        try:
            future = self.engine.submit(x, priority=priority, timeout_ms=timeout_ms)
        except QueueFullError:
            self.n_rejected += 1
        else:
            self.futures.append((x, due_ns, future))

    @precondition(lambda self: self.futures)
    @rule(data=st.data())
    def cancel(self, data):
        data.draw(st.sampled_from(self.futures))[2].cancel()

    @rule(milliseconds=st.sampled_from([0.0, 0.5, 1.0, 5.0, 20.0]))
    def advance(self, milliseconds):
        running = self.engine._dispatcher._running
        self.clock.advance_ms(milliseconds, settle=lambda: wait_until(lambda: not running))

    @rule()
    def flush(self):
        self.flushed_ns.add(self.clock.now_ns())
        self.engine.flush()

    @rule()
    def clear_cache(self):
        self.engine.clear_cache()

    def teardown(self):
        if not hasattr(self, "engine"):
            return
        self.engine.stop(PATIENCE_S)
        for x, due_ns, future in self.futures:
            assert future.done()
            if future.cancelled():
                continue
            error = future.exception(0)
            if error is None:
                assert future.result().output == ("answer", x)
            elif isinstance(error, DeadlineExceededError):
                assert due_ns is not None
                assert self.clock.now_ns() >= due_ns
            else:
                assert isinstance(error, QueueFullError)
                assert any(c.max_queue_size for c in self.configs)
        assert set(self.told.times.values()) <= {1}
        assert len(self.told.times) == len(self.futures) + self.n_rejected
        self.check_sizes()
        self.check_order()
        self.check_times()
        stats = self.engine.stats
        assert stats.total_requests == len(self.futures)
        assert stats.rejected_requests == self.n_rejected

    def check_sizes(self):
        largest = max(config.max_batch_size for config in self.configs)
        assert all(1 <= len(requests) <= largest for *_, requests in self.told.batches)

    def check_order(self):
        """Among requests of one priority, who came first left first."""
        last_id = Counter()
        for *_, requests in sorted(self.told.batches, key=lambda batch: batch[0]):
            for request in requests:
                assert request.id >= last_id[request.priority]
                last_id[request.priority] = request.id

    def check_times(self):
        """No batch left before its rule held, nor any later."""
        (config,) = self.configs
        timeout_ns = config.batch_timeout_ms * NS_PER_MS
        for _, reason, start_ns, requests in self.told.batches:
            waited_ns = start_ns - min(r.enqueue_ns for r in requests)
            if reason is CloseReason.TIMEOUT and config.batching_strategy is DYNAMIC:
                assert waited_ns >= timeout_ns
            if reason is CloseReason.FLUSH:
                assert start_ns in self.flushed_ns
            if len(requests) == config.max_batch_size:
                assert start_ns == max(r.enqueue_ns for r in requests)
            if config.batching_strategy is FIXED:
                assert reason in {CloseReason.FULL, CloseReason.FLUSH, CloseReason.STOP}
            else:
                assert waited_ns <= timeout_ns


class ReconfiguredInterleavings(Interleavings):
    """The same where the rule itself changes, which is why no batch can be held to one."""

    @rule(config=configs)
    def reconfigure(self, config):
        self.clock.wait_until_idle()
        self.engine.reconfigure(config)
        self.configs.append(config)
        self.clock.wait_until_idle()

    def check_times(self):
        pass


for machine in (Interleavings, ReconfiguredInterleavings):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestInterleavings = Interleavings.TestCase
TestReconfiguredInterleavings = ReconfiguredInterleavings.TestCase
