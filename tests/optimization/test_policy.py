"""The release rule, driven by a single-threaded event loop in virtual time."""

import heapq
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.optimization import (
    BatchingStrategy,
    CloseReason,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import NS_PER_MS
from codomyrmex_lab.optimization.policy import AdaptivePolicy
from codomyrmex_lab.optimization.request import PendingRequest, Terms
from codomyrmex_lab.optimization.waiting import WaitingLine

FIXED, DYNAMIC, ADAPTIVE = BatchingStrategy


def request(id, at_ms, priority=0):
    at_ns = round(at_ms * NS_PER_MS)
    return PendingRequest(id, None, at_ns, at_ns, Terms(priority=priority))


def run(config, arrivals, service_ms=lambda size: 1.0 + 0.1 * size, close=True):
    """Return batches as (left_ms, reason, ids); ``arrivals`` is a list of (ms, priority)."""
    line = WaitingLine(config)
    arriving = [request(i, ms, priority) for i, (ms, priority) in enumerate(arrivals)]
    events, batches, idle = [], [], config.num_workers
    for item in arriving:  # at equal times completions come first, then arrivals, then releases
        heapq.heappush(events, (item.enqueue_ns, 1, item.id, item))
    while events or (close and len(line)):
        if not events:
            line.close()
            now_ns = batches[-1][0] if batches else arriving[-1].enqueue_ns
            heapq.heappush(events, (max(now_ns, arriving[-1].enqueue_ns), 2, 0, None))
        now_ns, kind, _, item = heapq.heappop(events)
        if kind == 0:
            idle += 1
            line.learn_batch(None, *item)
        elif kind == 1:
            line.add(item)
        while idle:
            if events and events[0][0] == now_ns and events[0][1] < 2:
                break
            decision = line.decide(now_ns)
            if not decision.size:
                if decision.due_ns < FOREVER_NS:
                    heapq.heappush(events, (decision.due_ns, 2, len(batches), None))
                break
            taken = line.take(decision.size)
            service_ns = round(service_ms(len(taken)) * NS_PER_MS)
            worst_ns = now_ns + service_ns - min(r.arrival_ns for r in taken)
            batches.append((now_ns, decision.reason, [r.id for r in taken]))
            done = (len(taken), service_ns, worst_ns)
            heapq.heappush(events, (now_ns + service_ns, 0, len(batches), done))
            idle -= 1
    return [(now_ns / NS_PER_MS, reason, ids) for now_ns, reason, ids in batches]


def config(strategy, size=4, timeout_ms=10.0, workers=1, target_ms=None):
    return OptimizationConfig(
        batching_strategy=strategy,
        max_batch_size=size,
        batch_timeout_ms=timeout_ms,
        num_workers=workers,
        latency_target_ms=target_ms,
    )


def test_fixed_waits_for_a_full_batch_however_long_it_takes():
    batches = run(config(FIXED, size=3), [(0, 0), (1, 0), (5000, 0)], close=False)
    assert batches == [(5000.0, CloseReason.FULL, [0, 1, 2])]


def test_fixed_leaves_a_partial_batch_only_when_closed():
    assert run(config(FIXED, size=3), [(0, 0), (1, 0)], close=False) == []
    assert run(config(FIXED, size=3), [(0, 0), (1, 0)]) == [(1.0, CloseReason.STOP, [0, 1])]


def test_dynamic_leaves_when_full():
    batches = run(config(DYNAMIC, size=2), [(0, 0), (3, 0)])
    assert batches == [(3.0, CloseReason.FULL, [0, 1])]


def test_dynamic_leaves_when_the_oldest_has_waited_the_timeout():
    batches = run(config(DYNAMIC, size=4), [(0, 0), (3, 0)])
    assert batches == [(10.0, CloseReason.TIMEOUT, [0, 1])]


def test_an_arrival_at_the_very_tick_of_the_timeout_still_joins():
    batches = run(config(DYNAMIC, size=4), [(0, 0), (10, 0)])
    assert batches == [(10.0, CloseReason.TIMEOUT, [0, 1])]


def test_a_worker_that_becomes_idle_late_takes_what_is_overdue_at_once():
    batches = run(
        config(DYNAMIC, size=2, timeout_ms=1), [(0, 0), (0, 0), (1, 0)], service_ms=lambda size: 50
    )
    assert batches[1] == (50.0, CloseReason.TIMEOUT, [2])


def test_larger_priority_leaves_first_then_earlier_arrival():
    arrivals = [(0, 0), (0, 1), (0, 2), (0, 1)]
    batches = run(config(DYNAMIC, size=2), arrivals)
    assert [ids for _, _, ids in batches] == [[2, 1], [3, 0]]


def test_flush_lets_only_what_waits_now_leave():
    line = WaitingLine(config(FIXED, size=4))
    line.add(request(0, 0))
    line.flush()
    line.add(request(1, 1))
    decision = line.decide(NS_PER_MS)
    assert (decision.size, decision.reason) == (2, CloseReason.FLUSH)
    line.take(2)
    line.add(request(2, 2))
    assert line.decide(2 * NS_PER_MS).size == 0


def test_adaptive_lets_a_lone_request_leave_at_once():
    arrivals = [(1000.0 * i, 0) for i in range(50)]
    batches = run(config(ADAPTIVE, timeout_ms=100), arrivals)
    assert [left for left, _, _ in batches] == [at for at, _ in arrivals]


def sequential_waits(policy, clock_ns, n_calls, service_ns, think_ns=10_000):
    """Let a caller ask again once the last answer is there; return the waits and the time."""
    waits_ns = []
    for _ in range(n_calls):
        policy.learn_arrival(clock_ns)
        decision = policy.decide(1, clock_ns, clock_ns)
        left_ns = clock_ns if decision.size else decision.due_ns
        waits_ns.append(left_ns - clock_ns)
        end_ns = left_ns + service_ns
        policy.learn_batch(1, service_ns, end_ns - clock_ns)
        clock_ns = end_ns + think_ns
    return waits_ns, clock_ns


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("service_ms", [2, 10, 50])
def test_adaptive_never_lets_a_lone_caller_wait_who_asks_again_once_answered(workers, service_ms):
    policy = AdaptivePolicy(32, 100 * NS_PER_MS, workers)
    waits_ns, _ = sequential_waits(policy, 0, 1000, service_ms * NS_PER_MS)
    assert not any(waits_ns)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=60))
def test_adaptive_lets_no_lone_caller_wait_however_service_and_pauses_vary(calls):
    policy, now_ns = AdaptivePolicy(32, 100 * NS_PER_MS, 1), 0
    for service_ms, pause_ms in calls:
        service_ns, pause_ns = service_ms * NS_PER_MS, pause_ms * NS_PER_MS
        waits_ns, now_ns = sequential_waits(policy, now_ns, 1, service_ns, pause_ns)
        assert waits_ns == [0]


def test_adaptive_forgets_a_crowd_soon_after_it_has_gone():
    policy, now_ns = AdaptivePolicy(32, 100 * NS_PER_MS, 1), 0
    for _ in range(200):  # batches of 8 after 4 ms of arrivals
        for _ in range(8):
            now_ns += NS_PER_MS // 2
            policy.learn_arrival(now_ns)
        policy.learn_batch(8, 4 * NS_PER_MS, 8 * NS_PER_MS)
    assert policy.target_size > 1
    waits_ns, _ = sequential_waits(policy, now_ns, 200, 4 * NS_PER_MS)
    assert not any(waits_ns[60:])


def test_adaptive_lets_two_callers_share_batches_who_would_else_take_turns():
    # each asks again once answered: in turns a call takes 20 ms, together 10 ms and the wait
    waiting = [request(0, 0), request(1, 5)]
    line = WaitingLine(config(ADAPTIVE, size=32, timeout_ms=100.0))
    now_ns, ids, latencies = 0, iter(range(2, 1000)), []
    for _ in range(200):
        while waiting and waiting[0].enqueue_ns <= now_ns:
            line.add(waiting.pop(0))
        decision = line.decide(now_ns)
        if not decision.size:
            now_ns = min([decision.due_ns, *(one.enqueue_ns for one in waiting)])
            continue
        taken = line.take(decision.size)
        end_ns = now_ns + 10 * NS_PER_MS
        while waiting and waiting[0].enqueue_ns <= end_ns:
            line.add(waiting.pop(0))
        line.learn_batch(None, len(taken), 10 * NS_PER_MS, end_ns - taken[0].arrival_ns)
        latencies += [(end_ns - one.arrival_ns) / NS_PER_MS for one in taken]
        waiting += [request(next(ids), end_ns / NS_PER_MS + 0.05) for _ in taken]
        now_ns = end_ns
    assert sum(latencies[-50:]) / 50 < 15.0


def test_adaptive_batches_when_single_requests_would_not_keep_up():
    # 2 ms + 0.1 ms a request: alone 476/s at most, in full batches 6,153/s; 2,000/s arrive
    arrivals = [(0.5 * i, 0) for i in range(4000)]
    batches = run(config(ADAPTIVE, size=32), arrivals, lambda size: 2.0 + 0.1 * size)
    late = batches[len(batches) // 2 :]
    waits = [left - arrivals[min(ids)][0] for left, _, ids in late]
    assert 4 <= sum(len(ids) for *_, ids in late) / len(late) <= 32
    assert max(waits) < 10.0


def test_adaptive_reduces_the_batch_when_its_service_time_misses_the_target():
    policy = AdaptivePolicy(32, 100 * NS_PER_MS, 1, latency_target_ns=10 * NS_PER_MS)
    for n in range(20):
        policy.learn_arrival(n * NS_PER_MS // 10)
    policy.learn_batch(32, 40 * NS_PER_MS, 60 * NS_PER_MS)
    assert policy.size_limit() == 16
    policy.learn_batch(16, 20 * NS_PER_MS, 30 * NS_PER_MS)
    assert policy.size_limit() == 8
    policy.learn_batch(8, 5 * NS_PER_MS, 6 * NS_PER_MS)
    assert policy.size_limit() == 9


def adaptive_line(**settings):
    """Return a line that learned to gather 8 of the requests that come each ms, and the time."""
    chosen = config(ADAPTIVE, size=32, timeout_ms=100.0).replace(**settings)
    line, now_ns = WaitingLine(chosen), 0
    for number in range(320):
        now_ns += NS_PER_MS
        line.add(request(number, now_ns / NS_PER_MS))
        if number % 8 == 7:
            size = len(line.take(8))
            line.learn_batch(None, size, 6 * NS_PER_MS, 15 * NS_PER_MS)
    line.add(request(320, now_ns / NS_PER_MS))
    return line, chosen, now_ns


def wait_ms(line, now_ns):
    """Return how long one request that came now may wait for others."""
    decision = line.decide(now_ns)
    return 0.0 if decision.size else (decision.due_ns - now_ns) / NS_PER_MS


@pytest.mark.parametrize(
    "change",
    [
        {"cache_max_size": 7},
        {"max_queue_size": 100, "processor_timeout_ms": 1000.0},
        {"max_batch_size": 16, "batch_timeout_ms": 50.0, "latency_target_ms": 500.0},
    ],
    ids=["cache", "guards", "bounds it stays within"],
)
def test_adaptive_keeps_what_it_learned_when_other_settings_change(change):
    line, chosen, now_ns = adaptive_line()
    before = wait_ms(line, now_ns)
    line.follow(chosen.replace(**change))
    assert wait_ms(line, now_ns) == before > 3.0


def test_what_adaptive_learned_is_held_to_new_bounds_at_once():
    line, chosen, now_ns = adaptive_line()
    line.follow(chosen.replace(batch_timeout_ms=2.0))
    assert wait_ms(line, now_ns) == 2.0
    line.follow(chosen.replace(num_workers=20))
    assert wait_ms(line, now_ns) == 0.0
    line.follow(chosen.replace(max_batch_size=1))
    assert line.decide(now_ns).size == 1


def test_adaptive_learns_anew_with_another_variant_of_the_model():
    line, chosen, now_ns = adaptive_line()
    line.follow(chosen.replace(quantization=QuantizationType.INT8))
    assert wait_ms(line, now_ns) == 0.0


def test_adaptive_stays_backed_off_while_its_latency_target_is_the_same():
    line, chosen, now_ns = adaptive_line(latency_target_ms=50.0)
    for _ in range(3):
        line.learn_batch(None, 8, 60 * NS_PER_MS, 60 * NS_PER_MS)
    for number in range(321, 350):
        line.add(request(number, now_ns / NS_PER_MS))
    line.close()
    assert line.decide(now_ns).size == 1
    line.follow(chosen.replace(cache_max_size=7, max_batch_size=16))
    assert line.decide(now_ns).size == 1
    line.follow(chosen.replace(latency_target_ms=500.0))
    assert line.decide(now_ns).size == 30


def test_adaptive_learns_the_service_time_line():
    policy = AdaptivePolicy(32, 100 * NS_PER_MS, 1)
    for size in (1, 8, 3, 32, 5):
        policy.learn_batch(size, 2_000_000 + 50_000 * size, 0)
    assert policy._fit.line() == pytest.approx((2_000_000, 50_000))


workloads = st.lists(
    st.tuples(st.integers(0, 60).map(float), st.integers(-1, 2)), min_size=1, max_size=60
).map(sorted)
settings = st.builds(
    config,
    st.sampled_from(BatchingStrategy),
    size=st.integers(1, 6),
    timeout_ms=st.integers(0, 12).map(float),
    workers=st.integers(1, 3),
    target_ms=st.none() | st.integers(1, 20).map(float),
)


@given(workloads, settings)
def test_every_request_leaves_exactly_once_in_batches_no_larger_than_allowed(arrivals, chosen):
    batches = run(chosen, arrivals)
    assert sorted(i for *_, ids in batches for i in ids) == list(range(len(arrivals)))
    assert all(1 <= len(ids) <= chosen.max_batch_size for *_, ids in batches)


@given(workloads, settings)
def test_within_a_priority_requests_leave_in_order_of_arrival(arrivals, chosen):
    left = [i for *_, ids in run(chosen, arrivals) for i in ids]
    for priority in {priority for _, priority in arrivals}:
        ids = [i for i in left if arrivals[i][1] == priority]
        assert ids == sorted(ids)


@given(workloads, settings)
def test_no_request_waits_beyond_the_timeout_while_a_worker_is_idle(arrivals, chosen):
    if chosen.batching_strategy is FIXED:
        return
    batches = run(chosen, arrivals, lambda size: 7.0)
    edges = sorted({left for left, *_ in batches} | {left + 7.0 for left, *_ in batches})
    for left, _, ids in batches:
        due = arrivals[min(ids)][0] + chosen.batch_timeout_ms
        moments = [due, *(edge for edge in edges if due < edge < left), left]
        for one, other in pairwise(moments if left > due else []):
            busy = sum(start < (one + other) / 2 < start + 7.0 for start, *_ in batches)
            assert busy == chosen.num_workers
