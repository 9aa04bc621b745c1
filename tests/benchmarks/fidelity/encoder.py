"""The MiniLM sentence encoder, predicted and replayed: 8 configs at 50, 70 and 85% of capacity.

As for the digits model; the texts are the sentences of the STS test set, service time is measured
by the number of tokens of a batch's longest text as well, and a replay lasts about 4 s.

Where it falls short: under ADAPTIVE the target size follows every few percent of the service time;
at 85% it was predicted too large. With a cache of 1,000 at 85% half of the requests are hits, so
that the median lies between those that take 0.1 ms and those that take 20, and a percent more
or fewer hits moves it from one to the other.
"""

from __future__ import annotations

from functools import partial

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig, QuantizationType
from codomyrmex_lab.runtimes.encoder import SentenceEncoder, read_sentence_pairs
from codomyrmex_lab.simulation import FidelityReport
from codomyrmex_lab.workloads import Zipf
from tests.benchmarks.fidelity.cases import (
    LOADS,
    azure,
    kept,
    measured_report,
    rows_of,
)
from tests.benchmarks.public_data import data_set
from tests.benchmarks.report import Row

_PLAIN = OptimizationConfig(enable_caching=False, num_workers=1)
_CONFIGS = {
    "size 1, 1 worker": _PLAIN.replace(max_batch_size=1, batch_timeout_ms=0.0),
    "size 4, 10 ms, 1 worker": _PLAIN.replace(max_batch_size=4, batch_timeout_ms=10.0),
    "size 8, 50 ms, 1 worker": _PLAIN.replace(max_batch_size=8, batch_timeout_ms=50.0),
    "size 16, 100 ms, 1 worker": _PLAIN.replace(max_batch_size=16, batch_timeout_ms=100.0),
    "size 8, 50 ms, 2 workers": _PLAIN.replace(
        max_batch_size=8, batch_timeout_ms=50.0, num_workers=2
    ),
    "ADAPTIVE, size 16, 100 ms, 1 worker": _PLAIN.replace(
        max_batch_size=16, batch_timeout_ms=100.0, batching_strategy=BatchingStrategy.ADAPTIVE
    ),
    "size 8, 50 ms, cache of 100": _PLAIN.replace(
        max_batch_size=8, batch_timeout_ms=50.0, enable_caching=True, cache_max_size=100
    ),
    "size 8, 50 ms, cache of 1,000": _PLAIN.replace(
        max_batch_size=8, batch_timeout_ms=50.0, enable_caching=True, cache_max_size=1000
    ),
}


def rows() -> list[Row]:
    return rows_of("MiniLM", {load: kept(f"MiniLM-{load}", partial(_at, load)) for load in LOADS})


def _at(load: float) -> FidelityReport:
    texts = list(dict.fromkeys(read_sentence_pairs(data_set("stsb-en-test.csv")).texts))
    with SentenceEncoder() as encoder:
        counts = dict(zip(texts, encoder.token_counts(texts).tolist(), strict=True))
        workload = azure().with_payloads(texts, keys=Zipf(0.9), seed=1)
        return measured_report(
            encoder,
            workload.with_costs(counts.__getitem__, "tokens"),
            _CONFIGS,
            load,
            replay_s=4.0,
            quantizations=[QuantizationType.FP32],
            batch_sizes=(1, 4, 8, 16),
            workers=(1, 2),
            cost="tokens",
            budget_s=25.0,
        )
