"""What each package may import; read from the source, and seen in a fresh interpreter."""

import ast
import subprocess
import sys

import pytest

# Earlier rows are lower; a package imports its own row and lower ones only.
LAYERS = [
    ["cache_folder", "errors", "logging_monitoring", "optimization"],
    ["tracing"],
    ["workloads", "runtimes"],
    ["simulation", "tuning"],
    ["export"],
    ["plots", "dashboards", "cli"],
]
LIBRARIES = [
    set(),
    {"numpy", "pandas", "pyarrow"},
    # google.protobuf is the form of ONNX files
    {"onnx", "onnxruntime", "onnx_ir", "google", "pooch", "tqdm"},
    {"numba", "optuna", "joblib", "ray"},
    {"tomli_w", "yaml"},
    {"matplotlib", "ipywidgets", "IPython", "PIL"},
]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module


def test_every_file_imports_only_from_its_own_layer_or_lower(repository):
    package = repository / "codomyrmex_lab"
    height = {name: row for row, names in enumerate(LAYERS) for name in names}
    checked = 0
    for path in package.rglob("*.py"):
        own = path.relative_to(package).with_suffix("").parts[0]
        if own == "__init__":
            continue
        allowed = set().union(*LIBRARIES[: height[own] + 1])
        for module in imported_modules(path):
            root, *rest = module.split(".")
            if root == "codomyrmex_lab":
                assert rest, f"{path.name} imports the whole package"
                assert height[rest[0]] <= height[own], f"{path} imports {module}"
            elif root not in sys.stdlib_module_names:
                assert root in allowed, f"{path} imports {module}"
            checked += 1
    assert checked > 50


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in run.stdout.split()}


def test_importing_the_engine_loads_nothing_but_the_standard_library():
    before = loaded_by("pass")  # what the environment's start-up files load for every program
    loaded = loaded_by("import codomyrmex_lab.optimization") - before
    assert loaded - set(sys.stdlib_module_names) == {"codomyrmex_lab"}


@pytest.mark.parametrize(
    "heavy", ["numpy", "pandas", "matplotlib", "numba", "optuna", "onnxruntime", "ipywidgets"]
)
def test_importing_the_lab_loads_no_heavy_library(heavy):
    assert heavy not in loaded_by("import codomyrmex_lab")
