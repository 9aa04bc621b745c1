"""What the figures of a search depend on, as texts that are equal for equal things."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.tracing.provenance import json_ready, provenance
from codomyrmex_lab.workloads import Workload

__all__ = ["describe_profile", "describe_workload", "search_identity", "simulated_part"]

_MOST_PRIORITIES = 100


def simulated_part(workload: Workload) -> Workload:
    """Return the workload with only what a simulation reads: small enough to be sent around."""
    numbers = workload.columns.select_dtypes("number")
    return Workload(workload.arrival_s, workload.key_codes, None, workload.priorities, numbers)


def describe_workload(workload: Workload) -> dict[str, Any]:
    """Return what a workload is: a hash of its arrivals, repetitions and priorities, and sizes."""
    digest = hashlib.sha256()
    for part in (workload.arrival_ns, workload.key_codes, workload.priorities):
        digest.update(np.ascontiguousarray(part).tobytes())
    priorities = np.unique(workload.priorities).tolist()
    return {
        "sha256": digest.hexdigest(),
        "n_requests": len(workload),
        "duration_s": workload.duration_s,
        "n_keys": workload.n_keys,
        "priorities": priorities if len(priorities) <= _MOST_PRIORITIES else [],
    }


def describe_profile(profile: ServiceProfile) -> dict[str, Any]:
    """Return where a profile comes from."""
    described: dict[str, Any] = json_ready(
        {
            "model": profile.model,
            "host": dict(profile.host),
            "versions": dict(profile.versions),
            "n_payloads": profile.n_payloads,
        }
    )
    return described


def search_identity(workload: Workload, profile: ServiceProfile, seed: int) -> str:
    """Return a hash of all that a trial's figures depend on beside its config."""
    digest = hashlib.sha256(describe_workload(workload)["sha256"].encode())
    for frame in (workload.columns.select_dtypes("number"), profile.points, profile.cold_starts):
        digest.update(frame.to_csv(index=False).encode())
    digest.update(profile.residuals.tobytes())
    digest.update(repr(profile.overheads).encode())
    release = provenance()["versions"].get("codomyrmex-lab", "")
    digest.update(f"{seed} {release}".encode())
    return digest.hexdigest()
