"""Answers for callers on an asyncio event loop: one wake-up of the loop for many of them."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from contextlib import suppress
from typing import Any

__all__ = ["LoopAnswer", "Mailboxes"]


class _Mailbox:
    """Answers on their way to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._awaited = False

    def post(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._letters.append((future, result, error))
        if not self._awaited:
            self._awaited = True
            with suppress(RuntimeError):  # the loop is closed, and with it all who waited on it
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._awaited = False  # before looking, so that no letter is left behind
        while self._letters:
            future, result, error = self._letters.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Mailboxes:
    """The mailbox of each event loop that callers of one engine run on."""

    def __init__(self) -> None:
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox] = (
            weakref.WeakKeyDictionary()
        )

    def answer(self) -> LoopAnswer:
        """Return a new answer for the running event loop."""
        loop = asyncio.get_running_loop()
        mailbox = self._of_loop.get(loop)
        if mailbox is None:
            mailbox = self._of_loop[loop] = _Mailbox(loop)
        return LoopAnswer(loop.create_future(), mailbox)


class LoopAnswer:
    """An ``Answer`` that resolves an ``asyncio`` future from any thread."""

    __slots__ = ("_answered", "_cancelled", "_mailbox", "future")

    def __init__(self, future: asyncio.Future[Any], mailbox: _Mailbox) -> None:
        self.future = future
        self._mailbox = mailbox
        self._answered = False
        self._cancelled = False

    def abandon(self) -> bool:
        """Take note that nobody waits any more.

        Returns
        -------
        bool
            Whether the request is withdrawn by this; False where its answer has come.
        """
        if self.future.done() and not self.future.cancelled():
            self.future.exception()  # seen, so that the loop does not report it as lost
            return False
        self.future.cancel()
        self._cancelled = True
        return True

    def cancelled(self) -> bool:
        """Tell whether the request was withdrawn."""
        return self._cancelled

    def done(self) -> bool:
        """Tell whether the request was answered or withdrawn."""
        return self._answered or self._cancelled

    def set_running_or_notify_cancel(self) -> bool:
        """Begin the computation; False where the request was withdrawn."""
        return not self._cancelled

    def set_result(self, result: Any) -> None:
        """Answer the request."""
        self._answered = True
        self._mailbox.post(self.future, result, None)

    def set_exception(self, exception: BaseException) -> None:
        """Fail the request."""
        self._answered = True
        self._mailbox.post(self.future, None, exception)
