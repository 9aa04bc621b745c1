"""Targets that are a Python file: constants on top, and a body that does not change."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.server import Draft, as_mapping
from codomyrmex_lab.export.target import malformed

__all__ = ["REST", "read_constants", "write_module"]

REST = "REST"
"""Name of the constant with the settings that the server ignores."""

_MODEL = '''\
MODEL = os.environ.get("MODEL", "model:predict_batch")
"""Import path of a function from a list of inputs to a list of outputs."""
'''


def write_module(
    draft: Draft, doc: str, imports: str, constants: Mapping[str, Any], body: str
) -> str:
    """Return a module.

    Parameters
    ----------
    draft : Draft
        Its comments stand on top; its rest is a constant of its own.
    doc : str
        Docstring.
    imports : str
        Import lines.
    constants : mapping
        Literals by the name that the body calls them.
    body : str
        What is the same for every config.
    """
    comments = "".join(f"# {comment}\n" for comment in draft.comments)
    rest = {REST: dict(draft.rest)} if draft.rest else {}
    assigned = "".join(
        f"{name} = {_written(value)}\n" for name, value in {**constants, **rest}.items()
    )
    return f'{comments}"""{doc}"""\n\n{imports}\n\n{assigned}\n{_MODEL}\n\n{body}'


def read_constants(text: str, names: tuple[str, ...], source: str) -> dict[str, Mapping[str, Any]]:
    """Return the named constants of a module, and its rest; nothing of it is run.

    Parameters
    ----------
    text : str
        The module.
    names : tuple of str
        Constants that have to be there, each a mapping.
    source : str
        Name of the file, for messages.

    Raises
    ------
    ConfigFileError
        It is not Python, or a constant is missing or not a literal mapping.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise malformed(source, "Python", " ".join(str(error).split())) from error
    found: dict[str, Mapping[str, Any]] = {REST: {}}
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in (*names, REST):
                found[name] = as_mapping(_literal(value, name, source), f"{source}: {name}")
    for name in names:
        if name not in found:
            raise ConfigFileError(f"{source} has no constant {name}; expected an exported file.")
    return found


def _literal(value: ast.expr, name: str, source: str) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ConfigFileError(f"{source}: {name} is not a literal; nothing is run here.") from error


def _written(value: object, indent: str = "") -> str:
    if isinstance(value, Mapping) and value:
        inner = indent + "    "
        items = [f'{inner}"{name}": {_written(item, inner)},' for name, item in value.items()]
        return "\n".join(["{", *items, indent + "}"])
    return json.dumps(value) if isinstance(value, str) else repr(value)
