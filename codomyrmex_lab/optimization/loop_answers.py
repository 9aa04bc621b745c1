"""Answers for callers on an asyncio event loop: one wake-up of the loop for many of them."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from contextlib import suppress
from typing import Any

from codomyrmex_lab.optimization.request import PendingRequest

__all__ = ["LoopRequest", "Mailboxes"]


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

    def address(self, request: LoopRequest) -> asyncio.Future[Any]:
        """Return a new future of the running event loop, which the request will resolve."""
        loop = asyncio.get_running_loop()
        mailbox = self._of_loop.get(loop)
        if mailbox is None:
            mailbox = self._of_loop[loop] = _Mailbox(loop)
        request.mailbox = mailbox
        request.loop_future = loop.create_future()
        return request.loop_future


class LoopRequest(PendingRequest):
    """A request whose answer goes to a future of an event loop as well."""

    __slots__ = ("loop_future", "mailbox")
    loop_future: asyncio.Future[Any]
    mailbox: _Mailbox

    def set_result(self, result: Any) -> None:
        """Answer the request."""
        super().set_result(result)
        self.mailbox.post(self.loop_future, result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Fail the request."""
        super().set_exception(exception)
        self.mailbox.post(self.loop_future, None, exception)

    def abandon(self) -> bool:
        """Take note that nobody waits any more.

        Returns
        -------
        bool
            Whether the request goes without an answer; False where the loop has it already.
        """
        if self.loop_future.done() and not self.loop_future.cancelled():
            self.loop_future.exception()  # seen, so that the loop does not report it as lost
            return False
        self.loop_future.cancel()
        self.cancel()
        return True
