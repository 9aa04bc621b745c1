"""``codomyrmex_lab.export`` is a package and a call at once, in any import order."""

import subprocess
import sys

import pytest

USE = """
text = lab.export(lab.OptimizationConfig(max_batch_size=8), target="json")
assert '"max_batch_size": 8' in text
from codomyrmex_lab.export import export, load_config, parse_config
import codomyrmex_lab.export as package
assert package.parse_config(text, "json").max_batch_size == 8
assert package(lab.OptimizationConfig(), "toml") == export(lab.OptimizationConfig(), "toml")
assert lab.load_config is load_config
assert '"max_batch_size": 8' in lab.export(lab.OptimizationConfig(max_batch_size=8), "json")
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import codomyrmex_lab as lab",
        "import codomyrmex_lab as lab; lab.export",
        "import codomyrmex_lab as lab; lab.load_config",
        "import codomyrmex_lab.export; import codomyrmex_lab as lab",
        "from codomyrmex_lab.export import load_config; import codomyrmex_lab as lab",
        "from codomyrmex_lab.export.files import export; import codomyrmex_lab as lab",
        "from codomyrmex_lab import export; import codomyrmex_lab as lab",
    ],
)
def test_package_and_call_work_in_any_import_order(imports: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", imports + "\n" + USE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
