"""Inputs of the model as text, where they are to be recorded at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["PayloadText", "payload_text", "storable"]

PayloadText = Callable[[Any], str | None]
"""Returns what is recorded of an input: some text, or None for nothing."""


def payload_text(payload: Any) -> str:
    """Return text as it is, and the ``repr`` of anything else."""
    return payload if isinstance(payload, str) else repr(payload)


def storable(text: str) -> str:
    """Return text as UTF-8 can hold it: half a surrogate pair becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
