"""Answers for callers on an asyncio event loop: one wake-up of the loop for many of them."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from codomyrmex_lab.optimization.futures import AnswerFuture, Audience
from codomyrmex_lab.optimization.request import PendingRequest

__all__ = ["LoopAudience", "Mailboxes"]


class _Mailbox:
    """Answered requests on their way to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._letters: deque[tuple[asyncio.Future[Any], AnswerFuture[Any]]] = deque()
        self._awaited = False

    def post(self, future: asyncio.Future[Any], request: AnswerFuture[Any]) -> None:
        self._letters.append((future, request))

    def ring(self) -> None:
        """Let the loop deliver what was posted, with one wake-up for all of it."""
        if not self._awaited:
            self._awaited = True
            with suppress(RuntimeError):  # the loop is closed, and with it all who waited on it
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._awaited = False  # before looking, so that no letter is left behind
        letters = self._letters
        while letters:
            future, request = letters.popleft()
            if future.done():
                continue
            error = request.error
            if error is None:
                future.set_result(request.result())
            elif isinstance(error, StopIteration):  # a coroutine cannot raise it
                future.set_exception(_as_runtime_error(error))
            else:
                future.set_exception(error)


def _as_runtime_error(error: StopIteration) -> RuntimeError:
    wrapped = RuntimeError("The batch function raised StopIteration.")
    wrapped.__cause__ = error
    return wrapped


class LoopAudience(Audience):
    """A caller on an event loop, beside whoever else waits."""

    __slots__ = ("_mailbox", "future")

    def __init__(self, mailbox: _Mailbox) -> None:
        super().__init__()
        self._mailbox = mailbox
        self.future = mailbox.loop.create_future()

    def tell(self, future: AnswerFuture[Any]) -> Callable[[], object]:
        """Post the answer; the loop is to be woken once all are posted."""
        super().tell(future)
        self._mailbox.post(self.future, future)
        return self._mailbox.ring

    def abandon(self, request: PendingRequest) -> None:
        """Take note that nobody waits any more."""
        if self.future.done() and not self.future.cancelled():
            self.future.exception()  # seen, so that the loop does not report it as lost
        else:
            self.future.cancel()
            request.cancel()


class Mailboxes:
    """The mailbox of each event loop that callers of one engine run on."""

    def __init__(self) -> None:
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox] = (
            weakref.WeakKeyDictionary()
        )

    def audience(self) -> LoopAudience:
        """Return a new future of the running event loop as the audience of a request."""
        loop = asyncio.get_running_loop()
        mailbox = self._of_loop.get(loop)
        if mailbox is None:
            mailbox = self._of_loop[loop] = _Mailbox(loop)
        return LoopAudience(mailbox)
