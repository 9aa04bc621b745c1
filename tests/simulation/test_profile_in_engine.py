import time
from types import SimpleNamespace

from codomyrmex_lab.optimization import QuantizationType
from codomyrmex_lab.simulation.profile_in_engine import EngineVisits, SeenCalls
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_measurement import Point

FP32 = QuantizationType.FP32
SERVICE_MS = 3.0


class Model:
    def __init__(self):
        self.sizes = []

    def __call__(self, inputs):
        self.sizes.append(len(inputs))
        time.sleep(SERVICE_MS / 1e3)
        return list(inputs)


def visited(n_workers, size):
    model = Model()
    visits = EngineVisits({FP32: model}, Inputs([1.0, 2.0, 3.0], None, seed=0))
    times_ms = [visits(Point(FP32, n_workers, size, 0.0)) for _ in range(2)]
    return model, visits, times_ms


def test_visit_measures_full_batches_of_its_point_alone():
    model, _, times_ms = visited(2, 4)
    assert set(model.sizes) == {4}
    assert all(times_ms)
    assert min(min(times) for times in times_ms) >= SERVICE_MS


def test_time_from_one_call_to_the_next_is_kept_where_one_worker_is_alone():
    _, visits, _ = visited(1, 4)
    assert visits.gaps_ns[4]
    assert min(visits.gaps_ns[4]) > 0
    _, visits, _ = visited(2, 4)
    assert not visits.gaps_ns


def test_several_workers_are_kept_busy_visit_after_visit():
    model = Model()
    visits = EngineVisits({FP32: model}, Inputs([1.0, 2.0, 3.0], None, seed=0))
    point = Point(FP32, 4, 1, 0.0)
    for _ in range(4):
        visits(point)
        assert visits.cycle_ms[point] >= SERVICE_MS


def seen(*ticks_ms):
    """Return calls that began, ended, and whose last request came at such a time, in ms."""
    calls = SeenCalls()
    for start, end, complete in ticks_ms:
        requests = [SimpleNamespace(enqueue_ns=complete * 1_000_000)]
        calls.on_batch(
            SimpleNamespace(start_ns=start * 1_000_000, end_ns=end * 1_000_000, requests=requests)
        )
    return calls


def test_calls_count_while_requests_still_come():
    calls = seen((0, 9, 0), (10, 21, 5), (22, 35, 18), (36, 50, 30), (51, 59, 33))
    assert calls.service_ms(n_first=1, n_workers=1) == [11.0]
    assert calls.gaps_ns(n_first=0) == [1_000_000, 1_000_000]


def test_calls_count_that_ran_beside_as_many_as_they_were_to():
    beside = [(10, 20, 0), (11, 21, 0), (22, 32, 0), (23, 34, 0)]
    alone = [(40, 46, 0)]
    last = [(50, 60, 90), (51, 61, 90)]
    calls = seen(*beside, *alone, *last)
    assert calls.service_ms(n_first=0, n_workers=2) == [10.0, 10.0, 10.0, 11.0]


def test_all_calls_count_where_none_is_typical():
    calls = seen((0, 9, 0), (10, 21, 0), (22, 35, 0), (36, 50, 0))
    assert calls.service_ms(n_first=1, n_workers=1) == [11.0, 13.0]
