import time

from codomyrmex_lab.optimization import QuantizationType
from codomyrmex_lab.simulation.profile_in_engine import EngineVisits
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
    assert all(len(times) >= 2 * 2 for times in times_ms)  # of each worker, without the warm-up
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
