"""Every variant of both models: sizes, latency, task metric, agreement, batch mates.

*Latency*: one model call, payloads to outputs (MiniLM: with tokenizing, on sentences of the STS
benchmark as they come), one thread; FP32 and all variants in turn on the same batches, of 1 and 8
the second of two calls. *Resident*: what a process of its own grows by when it opens the variant
and runs a batch of 32, without the code of libraries. *Task metric*: accuracy on the 540 held-out
digits; Spearman correlation on the 1,379 pairs of the STS benchmark's test set, which is not a
mean; in brackets the 95% interval from 200 bootstrap samples of whole examples. *Change*:
difference from FP32 on the same examples, paired. *Agreement*: with FP32's outputs. *Batch mates*:
64 inputs alone against in batches of 32, the smallest cosine. Static INT8 is calibrated with 64
inputs from the end of MiniLM's data, or the start of the digits.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codomyrmex_lab.runtimes import OnnxVariant, compare_outputs
from codomyrmex_lab.runtimes.batch_dependence import batch_dependence
from codomyrmex_lab.runtimes.outputs import output_rows
from codomyrmex_lab.runtimes.task_metric import TaskMetric
from codomyrmex_lab.tracing import Estimate
from tests.benchmarks.quantization.subjects import Subject, all_variants, subjects
from tests.benchmarks.report import Reach, Row, against, alone
from tests.benchmarks.runner import Samples, in_turn

BATCH_SIZES = {1: 30, 8: 20, 32: 7, 64: 5}
BATCH = 32
N_RESAMPLES = 200
N_ALONE = 64
LARGEST_WARMED = 8
AS_FAST_AS_ASKED = ("INT8 dynamic, per channel", "INT8 static, per channel")


def rows() -> list[Row]:
    table = []
    for subject in subjects():
        with (
            tempfile.TemporaryDirectory() as folder,
            all_variants(subject, Path(folder)) as variants,
        ):
            table += _latencies(subject, variants)
            table += _sizes(subject, variants)
            table += _answers(subject, variants)
    return table


def _latencies(subject: Subject, variants: dict[str, OnnxVariant]) -> list[Row]:
    table = []
    for batch_size, n_rounds in BATCH_SIZES.items():
        contestants = {
            name: _caller(variant, subject.payloads, batch_size)
            for name, variant in variants.items()
        }
        samples = in_turn(contestants, n_rounds)
        fp32 = samples.pop("FP32")
        label = f"{subject.name}, latency of {batch_size}"
        table.append(alone(f"{label}: FP32", "ms", fp32))
        for name, ours in samples.items():
            asked = subject.name == "MiniLM" and name in AS_FAST_AS_ASKED
            reach = Reach(ratio_at_least=2.0) if asked else None
            row = against(
                f"{label}: {name}", "ms", ours, "FP32", fp32, less_is_better=True, reach=reach
            )
            table.append(row)
    return table


def _caller(variant: OnnxVariant, payloads: Any, batch_size: int) -> Callable[[], float]:
    calls = 0

    def call_ms() -> float:
        nonlocal calls
        batch = [payloads[(calls * batch_size + i) % len(payloads)] for i in range(batch_size)]
        calls += 1
        if batch_size <= LARGEST_WARMED:  # what ran before has emptied the processor's caches
            variant(batch)
        began_s = time.perf_counter()
        variant(batch)
        return (time.perf_counter() - began_s) * 1e3

    return call_ms


def _sizes(subject: Subject, variants: dict[str, OnnxVariant]) -> list[Row]:
    table = []
    for name, variant in variants.items():
        figures = {
            "file": variant.file.size_bytes,
            "resident": variant.resident_bytes(subject.payloads[:BATCH]),
        }
        table += [
            alone(f"{subject.name}, {what}: {name}", "MB", Samples((n_bytes / 1e6,)))
            for what, n_bytes in figures.items()
            if n_bytes is not None
        ]
    return table


def _answers(subject: Subject, variants: dict[str, OnnxVariant]) -> list[Row]:
    fp32 = output_rows(variants["FP32"], subject.payloads, BATCH)
    metric = TaskMetric.of(subject.metric, subject.references, fp32, N_RESAMPLES, seed=0)
    table = []
    for name, variant in variants.items():
        outputs = output_rows(variant, subject.payloads, BATCH)
        quality, change = metric.judge(outputs)
        agreement = compare_outputs(outputs, fp32)
        mates = batch_dependence(variant, subject.payloads[:N_ALONE], BATCH)
        label = f"{subject.name}, {metric.name} × 100: {name}"
        table.append(_estimated(label, quality, _expected(subject, name)))
        if name != "FP32":
            reach = (
                Reach(at_least=-1.0, at_most=1.0)
                if subject.name == "MiniLM" and "INT8" in name
                else None
            )
            table.append(_estimated(f"{label}, change", change, reach))
            for what, value in (
                ("top-1 agreement", agreement.top1_agreement),
                ("mean cosine", agreement.mean_cosine),
            ):
                table.append(alone(f"{subject.name}, {what}: {name}", "", Samples((value,))))
        for what, value in (
            ("worst cosine alone / in a batch", mates.worst_cosine),
            ("top-1 changed by batch mates", mates.top1_changed),
        ):
            table.append(alone(f"{subject.name}, {what}: {name}", "", Samples((value,))))
    return table


def _expected(subject: Subject, name: str) -> Reach | None:
    """Return what sentence-transformers reaches with the same weights, ± 0.05."""
    if (subject.name, name) == ("MiniLM", "FP32"):
        return Reach(at_least=81.98, at_most=82.08)
    return None


def _estimated(measure: str, estimate: Estimate, reach: Reach | None) -> Row:
    """Return a row with the interval in the place of the spread."""
    value, low, high = (100 * x for x in (estimate.value, estimate.ci_low, estimate.ci_high))
    met = reach.is_met(value, None) if reach else None
    words = reach.describe("") if reach else ""
    return Row(
        measure,
        "",
        value,
        "",
        None,
        None,
        words,
        met,
        None,
        (low, high),
        None,
        estimate.n_samples,
    )
