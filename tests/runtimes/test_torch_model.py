from collections.abc import Sequence

import numpy as np
import pytest

from codomyrmex_lab.errors import ModelError, VariantError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, SupportsVariants
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import TorchModel, quality_report

FP32, FP16, INT8, INT4 = QuantizationType

try:
    import torch
except ImportError:
    torch = None

with_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")
PAYLOADS = list(np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32))


def classifier() -> object:
    torch.manual_seed(0)
    layers = torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(64, 5)
    return torch.nn.Sequential(*layers)


@pytest.mark.skipif(torch is not None, reason="torch is installed")
def test_without_torch_it_is_one_sentence() -> None:
    with pytest.raises(ModelError, match="Torch is not installed, which a torch module needs"):
        TorchModel(object(), PAYLOADS[0])


@with_torch
def test_outputs_are_those_of_the_module_in_evaluation() -> None:
    module = classifier()
    model = TorchModel(module, PAYLOADS[0])
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(np.stack(PAYLOADS))).numpy()
    np.testing.assert_allclose(model(PAYLOADS), expected, rtol=1e-5, atol=1e-6)
    assert isinstance(model, SupportsVariants)
    with InferenceOptimizer(model, OptimizationConfig(quantization=FP16)) as engine:
        output = engine.infer(PAYLOADS[0]).output
    np.testing.assert_allclose(output, expected[0], atol=0.01)
    assert output.dtype == np.float32


@with_torch
def test_variants_are_judged_like_those_of_any_model() -> None:
    report = quality_report(TorchModel(classifier(), PAYLOADS[0]), PAYLOADS, batch_sizes=(1,))
    frame = report.frame()
    assert frame["available"].tolist() == [True, True, True, False]
    assert (frame["mean_cosine"].iloc[:3] > 0.99).all()
    assert (frame["mean_cosine"].iloc[1:3] < 1).all()
    assert frame["depends_on_batch"].tolist()[:3] == [False, False, True]
    assert "no 4-bit weights" in frame.loc["int4", "reason"]
    at_a_glance = TorchModel(classifier(), PAYLOADS[0]).quality(PAYLOADS)
    assert at_a_glance["available"].equals(frame["available"])
    assert at_a_glance["mean_cosine"].equals(frame["mean_cosine"])


@with_torch
def test_format_that_the_module_does_not_run_in_is_unavailable_with_the_reason() -> None:
    class Picky(torch.nn.Module):
        def forward(self, x: object) -> object:
            assert x.dtype == torch.float32, "float32 only"
            return x

    model = TorchModel(Picky(), PAYLOADS[0], name="picky")
    statuses = model.variants()
    assert [status.available for status in statuses.values()] == [True, False, False, False]
    assert statuses[FP16].reason.startswith("picky cannot be run in FP16 by torch: ")
    assert "no linear or recurrent layer" in statuses[INT8].reason
    with pytest.raises(VariantError, match="float32 only"):
        model.variant(FP16)


@with_torch
def test_collate_takes_payloads_of_any_kind() -> None:
    def lengths(texts: Sequence[str]) -> object:
        return torch.tensor([[float(len(text))] * 16 for text in texts])

    model = TorchModel(classifier(), "a", collate=lengths)
    outputs = model(["a", "bb", "a"])
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert model.variants()[FP16].available


@with_torch
def test_bad_payloads_and_modules_are_one_sentence() -> None:
    model = TorchModel(classifier(), PAYLOADS[0])
    for payloads, message in (
        ([], "batch is empty"),
        ([PAYLOADS[0], np.zeros(3, np.float32)], "cannot be stacked"),
        ([np.zeros(3, np.float32)], r"\(FP32\) failed on a batch of 1"),
        (["a"], "cannot be stacked"),
    ):
        with pytest.raises(ModelError, match=message) as caught:
            model(payloads)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"is a list; expected a torch\.nn\.Module"):
        TorchModel([], PAYLOADS[0])
