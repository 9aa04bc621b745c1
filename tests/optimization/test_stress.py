from tests.optimization.stress import run_stress


def test_under_stress_nothing_is_lost_doubled_or_cross_wired():
    record = run_stress(n_requests=16_000, n_threads=16, seed=7)
    assert (record.lost, record.duplicated, record.cross_wired, record.unexpected) == (0, 0, 0, 0)
    assert record.n_requests == 16_000
    assert record.answered > 8_000
    assert min(record.model_failed, record.cancelled, record.reconfigures, record.restarts) > 0
