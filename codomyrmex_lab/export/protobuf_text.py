"""Protobuf's text format, read without a schema: a server's text may hold fields we never heard of.

(The protobuf package refuses a list of messages in a field that it does not know.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.target import malformed

__all__ = ["Message", "read_protobuf"]

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*)+)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>[A-Za-z0-9_.+-]+)
      | (?P<sign>[][{}<>:,;])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CLOSING = {"{": "}", "<": ">"}
_DEEPEST = 50


@dataclass(slots=True)
class Message:
    """Fields of a message, each with all its values: texts, words and messages."""

    fields: dict[str, list[str | Message]] = field(default_factory=dict)
    source: str = ""

    def messages(self, name: str) -> list[Message]:
        """Return the messages of a field; none where it is not set."""
        found = [value for value in self.fields.get(name, []) if isinstance(value, Message)]
        if len(found) != len(self.fields.get(name, [])):
            self._refuse(name, "a message")
        return found

    def text(self, name: str) -> str | None:
        """Return a text or a bare word; None where the field is not set."""
        value = self._last(name)
        if isinstance(value, Message):
            self._refuse(name, "a text")
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number; None where the field is not set."""
        value = self.text(name)
        try:
            return None if value is None else int(value, 0)
        except ValueError:
            self._refuse(name, "a whole number")

    def truth(self, name: str) -> bool:
        """Return a truth value; False where the field is not set."""
        value = self.text(name)
        if value not in (None, "true", "false", "True", "False", "t", "f", "1", "0"):
            self._refuse(name, "true or false")
        return value in ("true", "True", "t", "1")

    def _last(self, name: str) -> str | Message | None:
        values = self.fields.get(name)
        return values[-1] if values else None

    def _refuse(self, name: str, expected: str) -> NoReturn:
        value = self._last(name)
        given = "a message" if isinstance(value, Message) else repr(value)
        raise ConfigFileError(f"{self.source}: {name} is {given}; expected {expected}.")


def read_protobuf(text: str, source: str) -> Message:
    """Return the message that a text holds.

    Parameters
    ----------
    text : str
        Protobuf text format.
    source : str
        Name of the file, for messages.

    Raises
    ------
    ConfigFileError
        The text is not well-formed.
    """
    return _Parser(text, source).message(end="", depth=0)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class _Parser:
    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._tokens = self._cut(text)
        self._next = next(self._tokens)

    def message(self, end: str, depth: int) -> Message:
        """Read fields up to a closing sign; the empty one is the end of the text."""
        if depth > _DEEPEST:
            self._refuse("it is nested too deeply")
        message = Message(source=self._source)
        while self._next.kind != "end" and self._next.text != end:
            name = self._take("word")
            values = message.fields.setdefault(name, [])
            has_colon = self._skip(":")
            if self._skip("["):
                while not self._skip("]"):
                    values.append(self._value(depth))
                    self._skip(",")
            elif has_colon or self._next.text in _CLOSING:
                values.append(self._value(depth))
            else:
                self._refuse(f"{name} has no value")
            _ = self._skip(",") or self._skip(";")
        if self._next.text != end:
            self._refuse(f"{end!r} is missing")
        self._advance()
        return message

    def _value(self, depth: int) -> str | Message:
        if self._next.kind == "sign" and self._next.text in _CLOSING:
            return self.message(_CLOSING[self._advance()], depth + 1)
        if self._next.kind != "text":
            return self._take("word")
        parts = []
        while self._next.kind == "text":  # neighbouring texts are one
            parts.append(_ESCAPE.sub(_unescaped, self._advance()[1:-1]))
        return "".join(parts)

    def _skip(self, sign: str) -> bool:
        found = self._next.kind == "sign" and self._next.text == sign
        if found:
            self._advance()
        return found

    def _take(self, kind: str) -> str:
        if self._next.kind != kind:
            self._refuse(f"{self._next.text!r} stands where a {kind} was expected")
        return self._advance()

    def _advance(self) -> str:
        text = self._next.text
        self._next = next(self._tokens, _Token("end", "", self._next.line))
        return text

    def _cut(self, text: str) -> Iterator[_Token]:
        position, line = 0, 1
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise malformed(self._source, "protobuf text", f"{text[position]!r} at line {line}")
            if found.lastgroup != "space":
                yield _Token(str(found.lastgroup), found[0], line)
            line += found[0].count("\n")
            position = found.end()
        yield _Token("end", "", line)

    def _refuse(self, problem: str) -> NoReturn:
        raise malformed(self._source, "protobuf text", f"{problem} at line {self._next.line}")


def _unescaped(found: re.Match[str]) -> str:
    octal, hexadecimal, letter = found.groups()
    if letter is not None:
        return _ESCAPED.get(letter, letter)
    return chr(int(octal, 8) if octal is not None else int(hexadecimal, 16))
