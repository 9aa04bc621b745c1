"""Where the lab keeps files that it can make, or fetch, again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "default_cache_dir"]

CACHE_VARIABLE = "CODOMYRMEX_LAB_CACHE"
_NAME = "codomyrmex_lab"


def default_cache_dir() -> Path:
    """Return ``CODOMYRMEX_LAB_CACHE``, or else this user's cache folder on this platform."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / _NAME / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / _NAME
    xdg = os.environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else Path.home() / ".cache") / _NAME
