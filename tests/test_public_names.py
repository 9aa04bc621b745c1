"""The names that users write, and where they come from."""

import importlib
import pkgutil

import pytest

import codomyrmex_lab as lab

PACKAGES = sorted(m.name for m in pkgutil.iter_modules(lab.__path__, "codomyrmex_lab."))


def test_every_public_name_of_the_lab_resolves():
    for name in lab.__all__:
        assert getattr(lab, name) is not None
    assert set(lab.__all__) <= set(dir(lab))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Optimiser'"):
        lab.Optimiser  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_the_listed_names_are_the_ones_that_exist(package):
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), f"{package}.{name}"


def test_the_nine_names_of_the_engine_are_importable():
    from codomyrmex_lab.optimization import (  # noqa: F401
        BatchingStrategy,
        InferenceCache,
        InferenceOptimizer,
        InferenceRequest,
        InferenceResult,
        InferenceStats,
        OptimizationConfig,
        QuantizationType,
        RequestBatcher,
    )


@pytest.mark.parametrize("module", ["models", "cache", "policy", "batcher", "optimizer"])
def test_the_modules_of_the_engine_are_importable_by_name(module):
    importlib.import_module(f"codomyrmex_lab.optimization.{module}")


def test_every_error_of_the_lab_has_one_base():
    from codomyrmex_lab import errors

    for name in errors.__all__:
        assert issubclass(getattr(errors, name), lab.LabError)
        assert name in errors.__doc__
