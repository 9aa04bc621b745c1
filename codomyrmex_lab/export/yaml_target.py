"""Configs as YAML, read by PyYAML's safe loader with aliases and repeated fields refused."""

from __future__ import annotations

from typing import Any

import yaml

from codomyrmex_lab.export.record import config_from_record, record_from_config
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered, malformed
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["YAML", "read_yaml"]


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, without aliases (a few lines of them can expand without bound)."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "aliases are not allowed", alias.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a field name is not a plain text", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the field {key.value!r} stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(text: str, source: str) -> object:
    """Return what a YAML text holds, or raise ``ConfigFileError`` in one sentence."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except RecursionError as error:
        raise malformed(source, "YAML", "it is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise malformed(source, "YAML", _one_line(error)) from error


def _render(config: OptimizationConfig, evidence: Evidence | None) -> Rendered:
    return Rendered(yaml.safe_dump(record_from_config(config, evidence), sort_keys=False))


def _parse(text: str, source: str) -> OptimizationConfig:
    return config_from_record(read_yaml(text, source), source)


def _one_line(error: Exception) -> str:
    """Return the parser's complaint with its place, without the quoted excerpt."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} at line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())


YAML = ExportTarget("yaml", "tuned.yaml", (".yaml", ".yml"), _render, _parse, read_yaml)
