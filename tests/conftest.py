"""Fixtures that several test packages share."""

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Let interrupts arrive, here and in child processes: a shell's background jobs ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public data sets that are not part of the repository."""
    folder = Path(os.environ.get("CODOMYRMEX_LAB_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"public data sets not found in {folder}; set CODOMYRMEX_LAB_DATA to their folder"
        )
    return folder
