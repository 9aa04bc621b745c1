"""Profiles on disk: which one answers to a measurement that is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.optimization.variants import Model, Variant
from codomyrmex_lab.simulation.profile_file import FORMAT_VERSION
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_plan import ProfilePlan
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.tracing.provenance import json_ready, model_identity, provenance

__all__ = ["file_name", "keep_profile", "kept_profile"]

_HOW_THOROUGHLY = ("precision", "budget_s")
_log = get_logger(__name__)


def file_name(
    model: Model,
    variants: Mapping[QuantizationType, Variant],
    plan: ProfilePlan,
    inputs: Inputs,
) -> str:
    """Return a name that is another one as soon as anything is that a measurement depends on."""
    settings = json_ready(plan)
    facts = {
        "format_version": FORMAT_VERSION,
        "model": model_identity(model),
        "variants": [getattr(one.function, "identity", None) for one in variants.values()],
        "sessions": [getattr(model, name, None) for name in ("intra_op_threads", "providers")],
        "payloads": inputs.digest(),
        "plan": {name: settings[name] for name in settings if name not in _HOW_THOROUGHLY},
        **provenance(),
    }
    text = json.dumps(json_ready(facts), sort_keys=True)
    return f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.parquet"


def kept_profile(file: Path, plan: ProfilePlan) -> ServiceProfile | None:
    """Return the profile that was kept, if it is as thorough as one measured now would be.

    None where there is none, or the file is damaged.
    """
    if not file.is_file():
        return None
    try:
        kept = ServiceProfile.load(file)
    except ProfileError as error:
        _log.warning("The profile is measured anew: %s", error)
        return None
    took_as_long = (
        kept.settings["budget_s"] >= plan.budget_s and kept.settings["precision"] <= plan.precision
    )
    return kept if took_as_long or kept.less_certain_than(plan.precision).empty else None


def keep_profile(found: ServiceProfile, file: Path) -> None:
    """Keep a profile where that is possible; it was measured in any case."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        found.save(file)
    except (OSError, ProfileError) as error:
        _log.warning("The profile is not kept: %s", error)
