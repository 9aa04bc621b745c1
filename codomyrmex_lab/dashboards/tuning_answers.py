"""Answers settings from the simulator, and the next movements of a slider before they are made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from codomyrmex_lab.dashboards.controls import ConfigControls
from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.newest_wins import NewestWins
from codomyrmex_lab.dashboards.numbers_table import shortened
from codomyrmex_lab.dashboards.tuning_view import TuningView
from codomyrmex_lab.dashboards.tuning_words import sentence_of
from codomyrmex_lab.dashboards.verifier import Verifier
from codomyrmex_lab.errors import LabError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig

if TYPE_CHECKING:
    from codomyrmex_lab.dashboards.prediction import WhatIf

__all__ = ["TuningAnswers"]

_CALM_S = 0.15  # the table waits until a slider has rested for this long
_log = get_logger(__name__)


class TuningAnswers:
    """Simulates on a thread of its own, and ahead on another; the newest question wins.

    Parameters
    ----------
    controls : ConfigControls
        Asked where the next movement may lead.
    load : callable
        Returns how many times faster than its own times the workload is.
    verifier : Verifier
        Knows what was measured; while it replays, nothing is foreseen.
    view : TuningView
        Shows the answers.
    say : callable
        Told a sentence on each answer.
    at_rest : callable
        Called after an answer that nothing newer has overtaken.
    """

    def __init__(
        self,
        controls: ConfigControls,
        load: Callable[[], float],
        verifier: Verifier,
        view: TuningView,
        say: Callable[[str], object],
        at_rest: Callable[[], object],
    ) -> None:
        self._controls, self._load, self._verifier = controls, load, verifier
        self._view, self._say, self._at_rest = view, say, at_rest
        self.what_if: WhatIf | None = None
        """The simulator; nothing is answered before it is set."""
        self.now: Findings | None = None
        """The latest answer."""
        self._expected: Sequence[OptimizationConfig] = ()
        self._thread = NewestWins(self._answer, settle_s=0.0, name="tuning-answers")
        self._foresight = NewestWins(self._foresee, settle_s=0.0, name="tuning-foresight")

    def submit(self, config: OptimizationConfig) -> None:
        """Ask for the answer to a config; at once, where it is known and drawn."""
        load, what_if = self._load(), self.what_if
        known = None if what_if is None else what_if.known(config, load)
        if known is not None:  # without waiting for the thread
            self._view.show_kept(known, self._verifier.of(config, load))
        self._expected = ()
        self._foresight.drop()
        self._thread.submit(config)

    def expect(self, configs: Sequence[OptimizationConfig]) -> None:
        """Answer and draw configs that may be asked for next, the likeliest first."""
        if configs and self.what_if is not None:
            self._expected = configs
            self._foresight.submit((self.what_if, self._load()))

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all is answered; return whether that came within the timeout."""
        return self._thread.wait(timeout_s)

    def wait_foreseen(self, timeout_s: float | None = None) -> bool:
        """Wait until there is nothing left to foresee either; return whether that came in time."""
        return self.wait(timeout_s) and self._foresight.wait(timeout_s)

    def close(self) -> None:
        """End the threads."""
        self._thread.close()
        self._foresight.close()

    def _answer(self, config: OptimizationConfig, newer: threading.Event) -> None:
        what_if = self.what_if
        if what_if is None:
            return
        load = self._load()
        try:
            now = what_if.findings(config, load)
        except LabError as error:
            self._say(shortened(str(error)))
            return
        except Exception as error:
            _log.exception("Simulating %s failed", config)
            self._say(f"Failed: {type(error).__name__}: {shortened(str(error))}")
            return
        self.now = now
        verified = self._verifier.of(config, load)
        self._view.draw(now, verified)
        if newer.wait(_CALM_S):
            return
        self._view.tabulate(now, verified)
        self._say(sentence_of(now, verified))
        self._at_rest()
        if not newer.is_set():
            self._foresight.submit((what_if, load))

    def _foresee(self, asked: tuple[WhatIf, float], newer: threading.Event) -> None:
        """Draw what the next movement may lead to; the person looks meanwhile."""
        what_if, load = asked
        for config in [*self._expected, *self._controls.ahead()]:
            if newer.is_set() or not self._foresee_one(what_if, config, load):
                return

    def _foresee_one(self, what_if: WhatIf, config: OptimizationConfig, load: float) -> bool:
        """Draw the answer to a config; return whether it makes sense to go on."""
        if self._verifier.is_busy:
            return False
        try:
            ahead = what_if.findings(config, load)
        except LabError:  # it is told to who asks for this config
            return True
        except Exception:
            _log.exception("Simulating %s ahead failed", config)
            return False
        self._view.prepare(ahead, self._verifier.of(config, load))
        return True
