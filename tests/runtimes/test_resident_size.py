import sys
from pathlib import Path

import numpy as np
import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.runtimes.resident_size import resident_bytes
from codomyrmex_lab.runtimes.session import SessionSettings
from tests.runtimes.conftest import Heldout

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells resident memory")


@linux
def test_a_variant_takes_at_least_its_weights_and_fewer_bits_take_less(
    digits: OnnxModel, heldout: Heldout
) -> None:
    batch = heldout.payloads[:32]
    fp32 = digits.variant(QuantizationType.FP32)
    int8 = digits.variant(QuantizationType.INT8)
    fp32_bytes, int8_bytes = fp32.resident_bytes(batch), int8.resident_bytes(batch)
    assert fp32.file.size_bytes <= fp32_bytes <= 8 * fp32.file.size_bytes
    assert int8.file.size_bytes <= int8_bytes < fp32_bytes


@linux
def test_file_that_does_not_run_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"The memory of .*text\.onnx could not be") as caught:
        resident_bytes(tmp_path / "text.onnx", SessionSettings(), {"x": np.zeros(1)})
    assert "\n" not in str(caught.value)
