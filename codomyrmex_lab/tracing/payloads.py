"""Inputs of the model as text, where they are to be recorded at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["PayloadText", "payload_text"]

PayloadText = Callable[[Any], str | None]
"""Returns what is recorded of an input: some text, or None for nothing."""


def payload_text(payload: Any) -> str:
    """Return text as it is, and the ``repr`` of anything else."""
    return payload if isinstance(payload, str) else repr(payload)
