"""A search on several machines: a real Ray cluster of several nodes, all of them here."""

import threading
import warnings

import pandas as pd
import pytest

from codomyrmex_lab.tuning import TuningResult, on_ray, tune
from tests.tuning.cases import SPACE, affine_profile, traffic


def search(**arguments: object) -> TuningResult:
    return tune(
        traffic(n_requests=50_000),
        affine_profile(residuals=(0.9, 1.0, 1.2)),
        "cost",
        ["p99_ms <= 12"],
        {**SPACE, "batch_timeout_ms": [float(wait) for wait in range(20)]},
        **arguments,  # type: ignore[arg-type]
    )


@pytest.fixture
def cluster(repository, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed; pip install codomyrmex-lab[ray]")
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")  # of a busy machine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray.cluster_utils import Cluster

        quick_to_notice = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 300,
            "health_check_timeout_ms": 1000,
            "health_check_failure_threshold": 3,
        }
        started = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "_system_config": quick_to_notice},
        )
        ray.init(address=started.address, logging_level="ERROR", log_to_driver=False)
        yield started
        ray.shutdown()
        started.shutdown()


@pytest.mark.filterwarnings("ignore")  # of Ray's own code
def test_a_search_survives_the_loss_of_a_node(cluster) -> None:
    import ray

    doomed = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    killer = threading.Thread(target=cluster.remove_node, args=(doomed, False))
    struck_at: list[tuple[int, int]] = []

    def told(n: int, total: int) -> None:
        if killer.ident is None:
            killer.start()  # it strikes while the next trials run
        elif not struck_at:
            killer.join()
            struck_at.append((n, total))

    with on_ray():
        found = search(progress=told)
    ((n, total),) = struck_at
    assert n < total
    assert sum(node["Alive"] for node in ray.nodes()) == 1
    local = search(progress=False)
    pd.testing.assert_frame_equal(found.trials, local.trials)
    assert found.config == local.config
