"""Configs to files and back; the target is named, or follows from the file's ending."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.json_target import JSON
from codomyrmex_lab.export.target import ExportTarget
from codomyrmex_lab.export.toml_target import TOML
from codomyrmex_lab.export.yaml_target import YAML
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["TARGETS", "export", "load_config", "parse_config"]

TARGETS: dict[str, ExportTarget] = {target.name: target for target in (JSON, TOML, YAML)}
"""Every export target by its name."""


def export(
    config: OptimizationConfig,
    target: str | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> str:
    """Return the config as text, and write it to a file where a path is given.

    Parameters
    ----------
    config : OptimizationConfig
        Settings to hand over.
    target : str or None
        ``"json"``, ``"toml"`` or ``"yaml"``; None takes it from the ending of ``path``.
    path : path or None
        File to write, in one step: it holds the whole text or is not changed.
    overwrite : bool
        Replace a file that exists already.

    Returns
    -------
    str
        The text; :func:`load_config` and :func:`parse_config` read an equal config from it.

    Raises
    ------
    ConfigFileError
        An unknown target or ending, an ending of another target, a file that exists already, or
        one that cannot be written.
    """
    file = None if path is None else _as_path(path)
    chosen = _choose_target(target, file)
    text = chosen.render(config)
    if file is not None:
        _write(file, text, overwrite=overwrite)
    return text


def load_config(path: str | os.PathLike[str]) -> OptimizationConfig:
    """Read a config from a file that :func:`export` wrote, or that was written by hand.

    Parameters
    ----------
    path : path
        File ending in ``.json``, ``.toml``, ``.yaml`` or ``.yml``.

    Returns
    -------
    OptimizationConfig
        The settings; a field that the file leaves out has its default.

    Raises
    ------
    ConfigFileError
        The file is missing or malformed, or holds something else than a config; the message names
        file and field, what was given and what was expected.
    """
    file = _as_path(path)
    target = _target_of_suffix(file)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{file} is not UTF-8 text.") from error
    except (OSError, ValueError) as error:
        raise ConfigFileError(f"{file} cannot be read ({_reason(error)}).") from error
    return _parse(target, text, str(file))


def parse_config(text: str, target: str, source: str = "the text") -> OptimizationConfig:
    """Read a config from text.

    Parameters
    ----------
    text : str
        What :func:`export` returned.
    target : str
        ``"json"``, ``"toml"`` or ``"yaml"``.
    source : str
        What messages call the text.

    Returns
    -------
    OptimizationConfig
        The settings; a field that the text leaves out has its default.

    Raises
    ------
    ConfigFileError
        As :func:`load_config`.
    """
    return _parse(_target_of_name(target), text, source)


def _parse(target: ExportTarget, text: str, source: str) -> OptimizationConfig:
    if target.parse is None:
        raise ConfigFileError(f"{source} cannot be read back: {target.name} can only be written.")
    return target.parse(text, source)


def _choose_target(name: str | None, path: Path | None) -> ExportTarget:
    if name is None:
        if path is None:
            raise ConfigFileError(
                f"Neither target nor path is given; expected a target ({', '.join(TARGETS)}) "
                "or a path whose ending names one."
            )
        return _target_of_suffix(path)
    target = _target_of_name(name)
    if path is not None and path.suffix.lower() not in target.suffixes:
        others = [t.name for t in TARGETS.values() if path.suffix.lower() in t.suffixes]
        if others:
            raise ConfigFileError(
                f"{path} ends like a {others[0]} file, but the target is {name}; expected the "
                f"ending {' or '.join(target.suffixes)}."
            )
    return target


def _target_of_name(name: str) -> ExportTarget:
    if not isinstance(name, str) or name not in TARGETS:
        raise ConfigFileError(f"Unknown target {name!r}; expected one of {', '.join(TARGETS)}.")
    return TARGETS[name]


def _target_of_suffix(path: Path) -> ExportTarget:
    for target in TARGETS.values():
        if path.suffix.lower() in target.suffixes:
            return target
    known = ", ".join(suffix for target in TARGETS.values() for suffix in target.suffixes)
    raise ConfigFileError(
        f"{path} has the ending {path.suffix!r}, which names no format; expected one of {known}."
    )


def _as_path(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path)
    except TypeError as error:
        raise ConfigFileError(f"path is {path!r}; expected a file name.") from error


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    """Write beside the file and move into place, so that a reader never sees half a text."""
    try:
        path = path.resolve()
        if path.is_dir():
            raise ConfigFileError(f"{path} is a folder; expected a file name.")
        if path.exists() and not overwrite:
            raise ConfigFileError(
                f"{path} exists already and was kept; give overwrite=True to replace it, or "
                "choose another name."
            )
        if not path.parent.is_dir():
            raise ConfigFileError(f"{path} cannot be written: its folder does not exist.")
        draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
        try:
            draft.write_text(text, encoding="utf-8", newline="\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except ConfigFileError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigFileError(f"{path} cannot be written ({_reason(error)}).") from error


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
