"""Requests to offer to an engine: where they come from, and how they are replayed."""

from codomyrmex_lab.workloads.arrivals import ArrivalProcess, Constant, Gamma, Poisson
from codomyrmex_lab.workloads.closed_loop import run_closed_loop, run_single_stream
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.keys import KeySampler, Scan, TemporalLocality, Uniform, Zipf
from codomyrmex_lab.workloads.load_generator import LoadGenRun, LoadGenScenario, run_loadgen
from codomyrmex_lab.workloads.load_generator_log import LoadGenSummary
from codomyrmex_lab.workloads.max_throughput import run_max_throughput
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow
from codomyrmex_lab.workloads.public_traces import PUBLIC_TRACES, PublicTrace, fetch
from codomyrmex_lab.workloads.replay import replay
from codomyrmex_lab.workloads.varying_arrivals import Diurnal, MarkovModulatedPoisson, Ramp, Step
from codomyrmex_lab.workloads.workload import Workload

__all__ = [
    "PUBLIC_TRACES",
    "ArrivalProcess",
    "Confidence",
    "Constant",
    "Diurnal",
    "Gamma",
    "KeySampler",
    "LoadGenRun",
    "LoadGenScenario",
    "LoadGenSummary",
    "MarkovModulatedPoisson",
    "MeasuringWindow",
    "Poisson",
    "PublicTrace",
    "Ramp",
    "Scan",
    "Step",
    "TemporalLocality",
    "Uniform",
    "Workload",
    "Zipf",
    "fetch",
    "replay",
    "run_closed_loop",
    "run_loadgen",
    "run_max_throughput",
    "run_single_stream",
]
