"""What a workload would have seen under other settings: profiles, simulation, hit-rate curves."""

from codomyrmex_lab.simulation.capacity import fewest_workers, highest_rate_rps, smallest_cache
from codomyrmex_lab.simulation.fidelity import fidelity
from codomyrmex_lab.simulation.fidelity_report import FIGURES, FidelityReport
from codomyrmex_lab.simulation.miss_ratio import MissRatioCurve, miss_ratio_curve
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.simulation.profile import profile
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.simulation.simulate import simulate, simulate_columns, simulate_summary
from codomyrmex_lab.simulation.simulated import Simulated
from codomyrmex_lab.simulation.simulator import Simulator

__all__ = [
    "FIGURES",
    "FidelityReport",
    "MissRatioCurve",
    "Overheads",
    "ServiceProfile",
    "Simulated",
    "Simulator",
    "fewest_workers",
    "fidelity",
    "highest_rate_rps",
    "miss_ratio_curve",
    "profile",
    "simulate",
    "simulate_columns",
    "simulate_summary",
    "smallest_cache",
]
