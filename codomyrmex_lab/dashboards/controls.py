"""Sliders and selectors that together hold one config."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from html import escape
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.dashboards.scales import logarithmic_positions
from codomyrmex_lab.dashboards.slider_keys import (
    POSITIONS_CLASS,
    places_by_key,
    positions,
    typed_value,
)
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)

__all__ = ["ConfigControls", "effect_notes"]

_TIMEOUTS_MS = [0.0, *logarithmic_positions(0.1, 1000)]
_TARGETS_MS = logarithmic_positions(1, 1000)
_NO_TARGET = 0.0  # a slider cannot stand on None, and a target is above 0
_CACHE_SIZES = [int(size) for size in logarithmic_positions(1, 100_000) if size == int(size)]
_LARGEST_BATCH = 128
_MOST_WORKERS = max(8, os.cpu_count() or 1)
_LOOK = {"style": {"description_width": "112px"}, "layout": {"width": "340px"}}


def effect_notes(config: OptimizationConfig) -> dict[str, str]:
    """Return the settings that have no effect under this config, each with the reason."""
    notes: dict[str, str] = {}
    if config.batching_strategy is BatchingStrategy.FIXED:
        notes["batch_timeout_ms"] = "no effect under FIXED: a batch leaves only when it is full"
    elif config.max_batch_size == 1:
        notes["batch_timeout_ms"] = "no effect on batches of 1: each is full at once"
    if config.batching_strategy is not BatchingStrategy.ADAPTIVE:
        notes["latency_target_ms"] = "no effect: only ADAPTIVE uses it"
    if not config.enable_caching:
        notes["cache_max_size"] = "no effect while caching is off"
    return notes


def lone_request_note(config: OptimizationConfig) -> str | None:
    """Say what a request without company pays under this config, if it pays anything."""
    batches = config.max_batch_size > 1
    if batches and config.batching_strategy is BatchingStrategy.DYNAMIC and config.batch_timeout_ms:
        return (
            f"DYNAMIC: a lone request waits the whole {config.batch_timeout_ms:g} ms, by "
            "definition; under ADAPTIVE it does not wait"
        )
    if batches and config.batching_strategy is BatchingStrategy.FIXED:
        return f"FIXED: a request waits until {config.max_batch_size} have come, however long"
    return None


class ConfigControls(widgets.VBox):  # type: ignore[misc]
    """One widget per setting; together they hold one config.

    Parameters
    ----------
    config : OptimizationConfig
        Where the sliders begin.
    missing : dict of QuantizationType to str
        Number formats that the model does not offer, with the reason.
    on_change : callable
        Told each new config, in the order in which they came about.
    on_refusal : callable
        Told why a setting was refused; the config stays as it was.
    """

    def __init__(
        self,
        config: OptimizationConfig,
        missing: dict[QuantizationType, str],
        on_change: Callable[[OptimizationConfig], object],
        on_refusal: Callable[[str], object],
    ) -> None:
        self._config = config
        self._missing = dict(missing)
        self._on_change = on_change
        self._on_refusal = on_refusal
        self._reading = threading.RLock()  # callbacks may come on several threads at once
        self._loading = False
        self._step: tuple[str, int] | None = None  # which slider moved last, and how far
        self.settings: dict[str, Any] = _setting_widgets(missing)
        for widget in self.settings.values():
            if isinstance(widget, widgets.SelectionSlider):
                widget.add_class(POSITIONS_CLASS)
        self._notes = widgets.HTML(layout={"width": "340px"})
        super().__init__(children=[*self.settings.values(), self._notes])
        self.show(config)
        for widget in self.settings.values():
            widget.observe(self._read, names="value")

    @property
    def config(self) -> OptimizationConfig:
        """What the widgets say."""
        return self._config

    @property
    def notes(self) -> str:
        """What is said about settings without effect and missing variants, as HTML."""
        notes: str = self._notes.value
        return notes

    def ahead(self) -> list[OptimizationConfig]:
        """Return what a key makes of the slider that moved last, the likeliest first."""
        with self._reading:
            if self._step is None:
                return []
            name, step = self._step
            values = positions(self.settings[name])
            place = values.index(self.settings[name].value)
            return self._moved(name, places_by_key(place, step, len(values)))

    def aimed(self, slider: str, place: int) -> list[OptimizationConfig]:
        """Return what a hand may make of this config that is about to move a slider.

        Parameters
        ----------
        slider : str
            What stands beside it; nothing comes of one that is not here.
        place : int
            Where the pointer rests on it, counted from 0: a click leads there. Where the handle
            stands already, keys lead on from there. Nothing comes of a place beyond the slider.
        """
        with self._reading:
            for name, widget in self.settings.items():
                values = positions(widget)
                if widget.description == slider and 0 <= place < len(values):
                    stands = widget.value == values[place]
                    places = places_by_key(place, 1, len(values)) if stands else [place]
                    return self._moved(name, places)
            return []

    def _moved(self, name: str, places: list[int]) -> list[OptimizationConfig]:
        """Return the configs that a slider makes of this one; places that it refuses make none."""
        values = positions(self.settings[name])
        configs = []
        for place in places:
            with suppress(SettingError):
                configs.append(self._config_with(**{name: values[place]}))
        return configs

    def type(self, slider: str, text: str) -> None:
        """Take over what was typed beside a slider; nothing where it is not one of these.

        Parameters
        ----------
        slider : str
            What stands beside it.
        text : str
            A number, or the label of a position.
        """
        for name, widget in self.settings.items():
            if widget.description == slider and isinstance(widget, widgets.SelectionSlider):
                try:
                    self.show(self._config_with(**{name: typed_value(widget, text)}))
                except SettingError as error:
                    self._on_refusal(str(error))

    def show(self, config: OptimizationConfig) -> None:
        """Move the widgets to a config, adding positions to sliders that lack its values."""
        with self._reading:
            self._step = None
            self._loading = True
            try:
                for name, widget in self.settings.items():
                    _show_value(widget, getattr(config, name))
            finally:
                self._loading = False
            self._take_over(config)

    def bound(self, max_batch_size: int, max_workers: int) -> None:
        """Let the sliders end where a profile ends, unless the config is beyond that."""
        for name, most in (("max_batch_size", max_batch_size), ("num_workers", max_workers)):
            self.settings[name].max = max(most, getattr(self._config, name))

    def mark_missing(self, quantization: QuantizationType, reason: str) -> None:
        """Show that the model turned out not to have a number format, and why."""
        with self._reading:
            self._missing[quantization] = reason
            selector = self.settings["quantization"]
            self._loading = True
            try:
                chosen = selector.value
                selector.options = _quantization_options(self._missing)
                selector.value = chosen
            finally:
                self._loading = False
            self._show_effects(self._config)

    def _read(self, change: dict[str, Any]) -> None:
        """Take over what the widgets say."""
        with self._reading:
            if self._loading:
                return
            self._step = self._step_of(change)
            try:
                config = self._config_with()
            except SettingError as error:
                self._on_refusal(str(error))
            else:
                self._take_over(config)

    def _config_with(self, **more: Any) -> OptimizationConfig:
        """Return what the widgets say, some of them standing elsewhere."""
        values = {name: widget.value for name, widget in self.settings.items()} | more
        values["latency_target_ms"] = values["latency_target_ms"] or None
        return self._config.replace(**values)

    def _step_of(self, change: dict[str, Any]) -> tuple[str, int] | None:
        (name,) = (name for name, widget in self.settings.items() if widget is change["owner"])
        values = positions(change["owner"])
        if not {change["old"], change["new"]} <= set(values):
            return None
        return name, values.index(change["new"]) - values.index(change["old"])

    def _take_over(self, config: OptimizationConfig) -> None:
        changed = config != self._config
        self._config = config
        if changed:
            self._on_change(config)
        self._show_effects(config)

    def _show_effects(self, config: OptimizationConfig) -> None:
        notes = effect_notes(config)
        present = [q for q in QuantizationType if q not in self._missing]
        without_choice = {"quantization"} if present == [config.quantization] else set()
        for name, widget in self.settings.items():
            widget.disabled = name in notes or name in without_choice
        lines = [f"{self.settings[name].description}: {note}." for name, note in notes.items()]
        lone = lone_request_note(config)
        lines += [f"{lone}."] if lone else []
        lines += _missing_lines(self._missing)
        self._notes.value = (
            "<div style='font-size:11px;line-height:1.35;opacity:.75'>"
            + "<br>".join(map(escape, lines))
            + "</div>"
        )


def _setting_widgets(missing: dict[QuantizationType, str]) -> dict[str, Any]:
    """Return one widget for each field of the config, by name."""
    return {
        "max_batch_size": widgets.IntSlider(
            description="Batch size",
            tooltip="Largest batch, in requests",
            min=1,
            max=_LARGEST_BATCH,
            value=1,
            **_LOOK,
        ),
        "batch_timeout_ms": widgets.SelectionSlider(
            description="Timeout (ms)",
            tooltip="Longest wait of the oldest request for its batch to fill, in ms",
            options=[(f"{ms:g}", ms) for ms in _TIMEOUTS_MS],
            **_LOOK,
        ),
        "num_workers": widgets.IntSlider(
            description="Workers",
            tooltip="Batches that may run at once",
            min=1,
            max=_MOST_WORKERS,
            value=1,
            **_LOOK,
        ),
        "enable_caching": widgets.Checkbox(
            description="Answer repeated inputs from the cache",
            tooltip="Whether repeated inputs are answered from the cache",
            indent=False,
            layout={"width": "340px"},
        ),
        "cache_max_size": widgets.SelectionSlider(
            description="Cache size",
            tooltip="Results kept in the cache, logarithmic",
            options=[(f"{size:,}", size) for size in _CACHE_SIZES],
            **_LOOK,
        ),
        "batching_strategy": widgets.Dropdown(
            description="Strategy",
            tooltip="Rule by which a batch leaves",
            options=[(strategy.name, strategy) for strategy in BatchingStrategy],
            **_LOOK,
        ),
        "latency_target_ms": widgets.SelectionSlider(
            description="Target (ms)",
            tooltip="Latency that ADAPTIVE tries to hold, in ms",
            options=[("none", _NO_TARGET), *((f"{ms:g}", ms) for ms in _TARGETS_MS)],
            **_LOOK,
        ),
        "quantization": widgets.Dropdown(
            description="Quantization",
            tooltip="Number format of the model's weights",
            options=_quantization_options(missing),
            **_LOOK,
        ),
    }


def _missing_lines(missing: dict[QuantizationType, str]) -> list[str]:
    """Return why number formats are missing, those with the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for quantization, why in missing.items():
        by_reason.setdefault(why, []).append(quantization.name)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not available: {why}."
        for why, names in by_reason.items()
    ]


def _quantization_options(
    missing: dict[QuantizationType, str],
) -> list[tuple[str, QuantizationType]]:
    return [(q.name + (" (not available)" if q in missing else ""), q) for q in QuantizationType]


def _show_value(widget: Any, value: Any) -> None:
    """Set a widget, widening its range or adding a position where the value needs it."""
    if value is None:
        value = _NO_TARGET
    if isinstance(widget, widgets.IntSlider):
        widget.max = max(widget.max, value)
    elif isinstance(widget, widgets.SelectionSlider):
        labels = {position: label for label, position in widget.options}
        if value not in labels:
            labels[value] = f"{value:,}" if isinstance(value, int) else f"{value:g}"
            widget.options = [(labels[position], position) for position in sorted(labels)]
    widget.value = value
