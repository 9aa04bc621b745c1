"""Configs to files and back; the target is named, or follows from the file's ending."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from codomyrmex_lab.errors import ConfigFileError, ExportWarning
from codomyrmex_lab.export.bentoml_target import BENTOML
from codomyrmex_lab.export.json_target import JSON
from codomyrmex_lab.export.kserve import KSERVE
from codomyrmex_lab.export.litserve_target import LITSERVE
from codomyrmex_lab.export.mosec_target import MOSEC
from codomyrmex_lab.export.place import check_place, reason, write_text
from codomyrmex_lab.export.ray_serve import RAY_SERVE, RAY_SERVE_CONFIG
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered
from codomyrmex_lab.export.tf_serving import TF_SERVING
from codomyrmex_lab.export.toml_target import TOML
from codomyrmex_lab.export.torchserve import TORCHSERVE
from codomyrmex_lab.export.triton import TRITON
from codomyrmex_lab.export.vllm import VLLM
from codomyrmex_lab.export.yaml_target import YAML
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = [
    "TARGETS",
    "Tuned",
    "check_output",
    "export",
    "load_config",
    "load_evidence",
    "parse_config",
    "render",
]

_TARGETS = (
    *(JSON, TOML, YAML, TRITON, RAY_SERVE, RAY_SERVE_CONFIG, BENTOML),
    *(TORCHSERVE, LITSERVE, KSERVE, TF_SERVING, MOSEC, VLLM),
)
TARGETS: dict[str, ExportTarget] = {target.name: target for target in _TARGETS}
"""Every export target by its name; of those that share an ending, the first is meant by it."""


@runtime_checkable
class Tuned(Protocol):
    """A config with its evidence: what a search or a verification ends in."""

    @property
    def config(self) -> OptimizationConfig:
        """The settings."""
        ...

    @property
    def evidence(self) -> Evidence:
        """Where they come from."""
        ...


def render(
    config: OptimizationConfig | Tuned, target: str, evidence: Evidence | None = None
) -> Rendered:
    """Return the config as a target's text, with what the target cannot express.

    Parameters
    ----------
    config : OptimizationConfig or Tuned
        Settings to hand over, or a result of tuning, which brings its evidence along.
    target : str
        One of :data:`TARGETS`.
    evidence : mapping or None
        Where the settings come from; stands in the text.

    Raises
    ------
    ConfigFileError
        An unknown target, or a setting that the target's field cannot hold.
    """
    return _rendered(config, _target_of_name(target), evidence)


def export(
    config: OptimizationConfig | Tuned,
    target: str | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    evidence: Evidence | None = None,
) -> str:
    """Return the config as text, and write it to a file where a path is given.

    Parameters
    ----------
    config : OptimizationConfig or Tuned
        Settings to hand over, or a result of tuning, which brings its evidence along.
    target : str or None
        One of :data:`TARGETS`; None takes it from the ending of ``path``.
    path : path or None
        File to write, in one step: it holds the whole text or is not changed.
    overwrite : bool
        Replace a file that exists already.
    evidence : mapping or None
        Where the settings come from; stands in the text.

    Returns
    -------
    str
        The text; :func:`load_config` and :func:`parse_config` read the config from it, an equal
        one where the format carries enough.

    Warns
    -----
    ExportWarning
        The target does not act on a setting, or not exactly; the text says the same.

    Raises
    ------
    ConfigFileError
        An unknown target or ending, an ending of another target, a file that exists already, or
        one that cannot be written.
    """
    file = None if path is None else _as_path(path)
    chosen = _choose_target(target, file)
    rendered = _rendered(config, chosen, evidence)
    if file is not None:
        write_text(file, rendered.text, overwrite=overwrite)
    for warning in rendered.warnings:
        warnings.warn(f"{chosen.name}: {warning}", ExportWarning, stacklevel=2)
    return rendered.text


def check_output(
    path: str | os.PathLike[str], target: str | None = None, overwrite: bool = False
) -> None:
    """Refuse a path that :func:`export` would refuse, before the work for it is done.

    Parameters
    ----------
    path, target, overwrite
        As for :func:`export`.

    Raises
    ------
    ConfigFileError
        As :func:`export`.
    """
    file = _as_path(path)
    _choose_target(target, file)
    check_place(file, overwrite=overwrite)


def _rendered(
    config: OptimizationConfig | Tuned, target: ExportTarget, evidence: Evidence | None
) -> Rendered:
    if isinstance(config, Tuned):
        evidence = config.evidence if evidence is None else evidence
        config = config.config
    return target.render(config, evidence)


def load_config(path: str | os.PathLike[str], target: str | None = None) -> OptimizationConfig:
    """Read a config from a file that :func:`export` wrote, or that was written by hand.

    Parameters
    ----------
    path : path
        The file.
    target : str or None
        One of :data:`TARGETS`; None takes it from the file's ending.

    Returns
    -------
    OptimizationConfig
        The settings; a field that the file leaves out has its default, except that a server's
        own format without a cache means none.

    Raises
    ------
    ConfigFileError
        The file is missing or malformed, or holds something else than a config; the message names
        file and field, what was given and what was expected.
    """
    file = _as_path(path)
    chosen = _target_of_suffix(file) if target is None else _target_of_name(target)
    return chosen.parse(_text_of(file), str(file))


def load_evidence(path: str | os.PathLike[str], target: str | None = None) -> Evidence | None:
    """Return the evidence that a JSON, TOML or YAML config came with.

    Parameters
    ----------
    path : path
        The file.
    target : str or None
        One of :data:`TARGETS`; None takes it from the file's ending.

    Returns
    -------
    mapping or None
        None where it has none, or only as comments, as servers' own formats have.

    Raises
    ------
    ConfigFileError
        The file cannot be read.
    """
    file = _as_path(path)
    chosen = _target_of_suffix(file) if target is None else _target_of_name(target)
    if chosen.read is None:
        return None
    record = chosen.read(_text_of(file), str(file))
    evidence = record.get("evidence") if isinstance(record, Mapping) else None
    if evidence is not None and not isinstance(evidence, Mapping):
        raise ConfigFileError(f"{file}: evidence is {evidence!r}; expected a mapping.")
    return evidence


def _text_of(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{file} is not UTF-8 text.") from error
    except (OSError, ValueError) as error:
        raise ConfigFileError(f"{file} cannot be read ({reason(error)}).") from error


def parse_config(text: str, target: str, source: str = "the text") -> OptimizationConfig:
    """Read a config from text.

    Parameters
    ----------
    text : str
        What :func:`export` returned.
    target : str
        One of :data:`TARGETS`.
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
    return _target_of_name(target).parse(text, source)


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
    meant = [target for target in TARGETS.values() if path.suffix.lower() in target.suffixes]
    if path.suffix.lower() == ".py":
        raise ConfigFileError(
            f"{path} may be for several servers; give target as one of "
            f"{', '.join(target.name for target in meant)}."
        )
    if meant:
        return meant[0]
    known = ", ".join(dict.fromkeys(suffix for t in TARGETS.values() for suffix in t.suffixes))
    raise ConfigFileError(
        f"{path} has the ending {path.suffix!r}, which names no format; expected one of {known}."
    )


def _as_path(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path)
    except TypeError as error:
        raise ConfigFileError(f"path is {path!r}; expected a file name.") from error
