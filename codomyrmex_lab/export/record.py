"""A config as a plain mapping, and back: the one description that every text format shares."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from codomyrmex_lab.errors import ConfigFileError, SettingError
from codomyrmex_lab.export.target import Evidence
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tracing.provenance import json_ready

__all__ = ["FORMAT_VERSION", "config_from_record", "plain", "record_from_config"]

FORMAT_VERSION = 1
_VERSION_FIELD = "version"
_EVIDENCE_FIELD = "evidence"

# What a field of each Python type is called in a message, and which parsed types it accepts.
_ACCEPTED: dict[type, tuple[str, tuple[type, ...]]] = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("a text", (str,)),
}


def record_from_config(
    config: OptimizationConfig, evidence: Evidence | None = None
) -> dict[str, Any]:
    """Return the config as plain values by field name, the format version first.

    Parameters
    ----------
    config : OptimizationConfig
        Settings to describe.
    evidence : mapping or None
        Where they come from; stands last, under ``evidence``.

    Returns
    -------
    dict[str, Any]
        Only ``bool``, ``int``, ``float``, ``str`` and ``None``; enums by their value.

    Raises
    ------
    ConfigFileError
        ``config`` is something else.
    """
    if not isinstance(config, OptimizationConfig):
        raise ConfigFileError(f"config is {reprlib.repr(config)}; expected an OptimizationConfig.")
    record: dict[str, Any] = {_VERSION_FIELD: FORMAT_VERSION}
    record.update((f.name, plain(getattr(config, f.name))) for f in fields(config))
    if evidence is not None:
        record[_EVIDENCE_FIELD] = json_ready(evidence)
    return record


def config_from_record(record: object, source: str) -> OptimizationConfig:
    """Return the config that a parsed text describes; a field left out takes its default.

    Parameters
    ----------
    record : object
        What a parser made of the text.
    source : str
        Name of the file, for messages.

    Returns
    -------
    OptimizationConfig
        The checked settings.

    Raises
    ------
    ConfigFileError
        Not a mapping, no version or a newer one, an unknown field, a wrong type, or a value
        outside its range.
    """
    if not isinstance(record, Mapping):
        raise ConfigFileError(
            f"{source} holds {_given(record)}; expected a mapping of setting names to values."
        )
    _check_version(record, source)
    expected = get_type_hints(OptimizationConfig)
    known = [f.name for f in fields(OptimizationConfig)]
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name in (_VERSION_FIELD, _EVIDENCE_FIELD):
            continue
        if name not in known:
            raise ConfigFileError(
                f"{source}: unknown field {reprlib.repr(name)}; expected one of {', '.join(known)}."
            )
        values[name] = _typed(value, expected[name], f"{source}: {name}")
    try:
        return OptimizationConfig(**values)
    except SettingError as error:
        raise ConfigFileError(f"{source}: {error}") from error
    except OverflowError as error:
        raise ConfigFileError(f"{source}: a number is too large for a setting.") from error


def _check_version(record: Mapping[Any, Any], source: str) -> None:
    if _VERSION_FIELD not in record:
        raise ConfigFileError(
            f"{source}: the field 'version' is missing; expected version = {FORMAT_VERSION}."
        )
    version = record[_VERSION_FIELD]
    if type(version) is not int or version < 1:
        raise ConfigFileError(
            f"{source}: version is {_given(version)}; expected a whole number from 1 to "
            f"{FORMAT_VERSION}."
        )
    if version > FORMAT_VERSION:
        raise ConfigFileError(
            f"{source}: version is {reprlib.repr(version)}, newer than the {FORMAT_VERSION} that "
            "this release reads; upgrade codomyrmex-lab."
        )


def _typed(value: object, expected: Any, what: str) -> Any:
    """Return ``value`` as the field's type, refusing every conversion that is a guess."""
    alternatives = get_args(expected) if get_origin(expected) in (Union, UnionType) else (expected,)
    if value is None and NoneType in alternatives:
        return None
    (kind,) = (alternative for alternative in alternatives if alternative is not NoneType)
    if issubclass(kind, Enum):
        for member in kind:
            if type(value) is type(member.value) and value == member.value:
                return member
        raise ConfigFileError(
            f"{what} is {_given(value)}; expected one of "
            f"{', '.join(repr(member.value) for member in kind)}."
        )
    description, accepted = _ACCEPTED[kind]
    if type(value) not in accepted:
        raise ConfigFileError(f"{what} is {_given(value)}; expected {description}.")
    return value


def plain(value: Any) -> Any:
    """Return a setting free of subclasses, which not every writer knows (a NumPy float is one)."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(value)
    return value


def _given(value: object) -> str:
    """Describe a wrong value: bounded in length, with its type where the look may deceive."""
    kinds = {str: "text", bool: "a truth value", float: "a number with a point", int: "a number"}
    text = reprlib.repr(value)
    return f"{text} ({kinds[type(value)]})" if type(value) in kinds else text
