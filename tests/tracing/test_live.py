import math
from typing import Any

import pandas as pd
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import TraceRecorder

from .conftest import MakeBatch, MakeRequest

S = 1_000_000_000
MS = 1_000_000


def test_window_holds_what_ended_in_it(make_batch: MakeBatch, make_request: MakeRequest) -> None:
    recorder = TraceRecorder(clock_ns=lambda: 100 * S)
    recorder.on_cache_hit(0, 0, "key", 90 * S, 95 * S)
    recorder.on_batch(make_batch(9, [make_request(9, 91 * S)], 92 * S, 93 * S))
    waited = [make_request(1, 97 * S, key="a"), make_request(2, 98 * S + 500 * MS, key="b")]
    recorder.on_batch(make_batch(0, waited, 99 * S, 99 * S + 100 * MS))
    recorder.on_cache_hit(3, 0, "key", 99 * S, 99 * S + 100 * MS)
    recorder.on_unserved(make_request(4, 99 * S), 99 * S, ValueError("x"))

    window = recorder.window(2)

    assert (window.n_requests, window.n_errors) == (4, 1)
    assert window.throughput_rps == 3 / 2
    assert window.cache_hit_rate == pytest.approx(1 / 3)
    assert window.p50_ms == 600
    assert window.mean_batch_size == 2
    assert window.mean_queue_length == pytest.approx((2 + 0.5 + 0.1) / 2)
    assert recorder.window(20).n_requests == 6


def test_window_without_traffic_has_no_latency() -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(0, 0, "key", 0, 1)

    window = recorder.window(0.001)

    assert (window.n_requests, window.throughput_rps, window.mean_batch_size) == (0, 0, 0)
    assert math.isnan(window.p99_ms)


def test_window_of_a_trace_in_many_blocks_agrees_with_its_summary() -> None:
    recorder = TraceRecorder(clock_ns=lambda: 20_000)
    for number in range(20_000):
        recorder.on_cache_hit(number, 0, "key", number - number % 7, number)

    window, summary = recorder.window(1), recorder.trace().summary()

    assert window.n_requests == 20_000
    assert (window.p50_ms, window.p99_ms) == (summary.p50_ms, summary.p99_ms)
    assert recorder.window(1e-6).n_requests == 999  # of 1,000 ticks; the last is yet to come


def test_longer_window_reaches_back_behind_a_shorter_one() -> None:
    clock = iter(range(10**9, 10**12, 10**8))
    recorder = TraceRecorder(clock_ns=lambda: next(clock))  # a tenth of a second passes per look
    for number in range(20_000):
        recorder.on_cache_hit(number, 0, "key", 0, 9 * 10**8)

    shorter, longer = recorder.window(0.05), recorder.window(1000)

    assert shorter.n_requests == 0
    assert longer.n_requests == 20_000


def record_all_kinds(
    recorder: TraceRecorder, make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    for number in range(0, 3000, 6):
        due = number * 1000
        joined = make_request(number + 1, due + 700, key=("k", number))
        leader = make_request(number, due, key=("k", number), joined=(joined,))
        requests = [leader, *(make_request(number + i, due + i) for i in (2, 3))]
        error = ValueError("x") if number % 30 == 0 else None
        recorder.on_batch(make_batch(number, requests, due + 500, due + 2000 + number, error=error))
        recorder.on_cache_hit(number + 4, 0, ("k", number), due, due + 40)
        recorder.on_unserved(make_request(number + 5, due), due + 9, ValueError("y"))
        if number % 600 == 0:
            recorder.window(20)  # so that the next one finds some known and some new


def test_window_over_everything_agrees_with_the_summary(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder(clock_ns=lambda: 10 * S)
    record_all_kinds(recorder, make_batch, make_request)

    window, summary = recorder.window(20), recorder.trace().summary()

    assert (window.n_requests, window.n_errors) == (summary.n_requests, summary.n_errors)
    assert window.cache_hit_rate == summary.cache_hit_rate
    assert window.mean_batch_size == summary.mean_batch_size
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        assert getattr(window, name) == pytest.approx(getattr(summary, name))
    results = recorder.trace().results
    waited_ms = results.loc[results["error"].isna(), "queue_ms"].sum()
    assert window.mean_queue_length == pytest.approx(waited_ms / 1e3 / 20)


def test_window_that_begins_among_known_rows_holds_those_that_ended_later(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder(clock_ns=lambda: 3 * MS)
    record_all_kinds(recorder, make_batch, make_request)
    trace = recorder.trace()

    window = recorder.window(0.0015)

    frame = trace.frame()
    since = pd.Timedelta(1_500_000 - trace.origin_ns, "ns")
    inside = frame[frame["end"] > since]
    answered = inside[inside["error"].isna()]
    batches = trace.batches[trace.batches["end"] > since]
    assert 0 < len(inside) < len(frame)
    assert (window.n_requests, window.n_errors) == (len(inside), len(inside) - len(answered))
    assert window.p50_ms == pytest.approx(answered["latency_ms"].median())
    assert window.p99_ms == pytest.approx(answered["latency_ms"].quantile(0.99))
    assert window.mean_batch_size == pytest.approx(batches["size"].mean())
    assert window.mean_queue_length == pytest.approx(answered["queue_ms"].sum() / 1.5)
    assert window.cache_hit_rate == pytest.approx(
        inside["from_cache"].sum() / inside["key"].notna().sum()
    )


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e300, "5"])
def test_length_outside_its_range_is_refused(seconds: Any) -> None:
    with pytest.raises(SettingError, match="expected a finite number of seconds above 0") as caught:
        TraceRecorder().window(seconds)
    assert str(caught.value).startswith(f"seconds is {seconds!r}; ")
