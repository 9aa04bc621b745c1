"""Where a text is written: whole or not at all, and over nothing unless told so."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from codomyrmex_lab.errors import ConfigFileError

__all__ = ["check_place", "reason", "write_text"]


def check_place(path: Path, *, overwrite: bool) -> None:
    """Raise ``ConfigFileError`` for a file that exists already or cannot be written."""
    try:
        file = path.resolve()
        if file.is_dir():
            raise ConfigFileError(f"{file} is a folder; expected a file name.")
        if file.exists() and not overwrite:
            raise ConfigFileError(
                f"{file} exists already and was kept; give overwrite=True, in a terminal "
                "--overwrite, to replace it, or choose another name."
            )
        if not file.parent.is_dir():
            raise ConfigFileError(f"{file} cannot be written: its folder does not exist.")
        if not os.access(file.parent, os.W_OK):
            raise ConfigFileError(f"{file} cannot be written: its folder may only be read.")
    except ConfigFileError:
        raise
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write beside the file and move into place, so that a reader never sees half a text."""
    check_place(path, overwrite=overwrite)
    try:
        file = path.resolve()
        draft = file.with_name(f".{file.name}.{uuid4().hex}.part")
        try:
            draft.write_text(text, encoding="utf-8", newline="\n")
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def reason(error: OSError | ValueError) -> str:
    """Return why a file cannot be used, without repeating its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _unwritable(path: Path, error: OSError | ValueError) -> ConfigFileError:
    return ConfigFileError(f"{path} cannot be written ({reason(error)}).")
