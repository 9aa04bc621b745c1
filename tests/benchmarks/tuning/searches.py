"""Evaluations, and seconds, until a search has a config within 2% of the exhaustive optimum.

The optimum is the least p99 of all configs of ``case.py`` that hold the constraint, on 20,000
requests; a config counts if it holds the constraint too. *Grid* goes through the space in its own
order, *random* through it without repetition, *Optuna TPE* is its sampler alone, proposals that
were tried before not counted; *ours* is what ``tune()`` does beyond the spaces that it enumerates.
Seeds 0 to 8; a search that has not arrived after all configs counts with their number, and TPE is
given up after 1,000 proposals. Figures come from a table of all configs; seconds are the searcher's
own plus evaluations times the measured time of one simulation of 100,000 requests. *By a load test*
are as many evaluations as TPE needed, at the length of ``load_tests.py``, counted and not run.
"""

import random
import time
from collections.abc import Callable, Sequence

import numpy as np
import optuna

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation import Simulator, simulate_summary
from codomyrmex_lab.tuning.search import search_sample
from codomyrmex_lab.tuning.trial import Trial, run_trials
from tests.benchmarks.report import Row, against
from tests.benchmarks.runner import Samples
from tests.benchmarks.tuning.case import score, service_profile, space, workload
from tests.benchmarks.tuning.load_tests import MODEL_ANALYZER_S

N_SEEDS = 9
N_REQUESTS = 20_000
MOST_PROPOSALS = 1000


class Arrived(Exception):
    """The search has what it was to find."""


class Counter:
    """Evaluates from a table, counts, and ends the search when it has arrived."""

    def __init__(self, table: dict[OptimizationConfig, Trial], goal: float) -> None:
        self.table = table
        self.goal = goal
        self.n = 0

    def __call__(self, configs: Sequence[OptimizationConfig]) -> list[Trial]:
        found = []
        for config in configs:
            self.n += 1
            found.append(self.table[config])
            missed, loss = score(found[-1])
            if not missed and loss <= self.goal:
                raise Arrived
        return found


def rows() -> list[Row]:
    configs = list(space())
    trials = run_trials(Simulator(workload(N_REQUESTS), service_profile()), configs)
    table = {trial.config: trial for trial in trials}
    best = min(score(trial)[1] for trial in trials if not score(trial)[0])
    each_s = _simulation_s(configs)
    searches: dict[str, Callable[[Counter, int], object]] = {
        "ours": lambda run, seed: search_sample(space(), run, score, len(configs), seed),
        "grid": lambda run, seed: run(configs),
        "random": lambda run, seed: run(random.Random(seed).sample(configs, len(configs))),
        "Optuna TPE": _tpe,
    }
    n_of: dict[str, list[float]] = {name: [] for name in searches}
    s_of: dict[str, list[float]] = {name: [] for name in searches}
    for seed in range(N_SEEDS):
        for name, search in searches.items():
            counter = Counter(table, best * 1.02)
            began_s = time.perf_counter()
            try:
                search(counter, seed)
            except Arrived:
                pass
            else:
                counter.n = len(configs)
            own_s = time.perf_counter() - began_s
            n_of[name].append(float(counter.n))
            s_of[name].append(own_s + counter.n * each_s)
    found = []
    for unit, values in (("evaluations", n_of), ("s", s_of)):
        ours = Samples(tuple(values["ours"]))
        for peer in ("grid", "random", "Optuna TPE"):
            theirs = Samples(tuple(values[peer]))
            title = (
                f"{unit if unit != 's' else 'seconds'} to within 2% of the best of {len(configs):,}"
            )
            found.append(against(title, unit, ours, peer, theirs, less_is_better=True))
    by_tests_s = Samples(tuple(n * MODEL_ANALYZER_S for n in n_of["Optuna TPE"]))
    peer = f"Optuna TPE, each config by a load test of {MODEL_ANALYZER_S:g} s"
    found.append(against(title, unit, ours, peer, by_tests_s, less_is_better=True))
    return found


def _tpe(run: Counter, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    tried: dict[OptimizationConfig, Trial] = {}
    for _ in range(MOST_PROPOSALS):
        asked = study.ask()
        choice = {
            name: candidates[asked.suggest_int(name, 0, len(candidates) - 1)]
            for name, candidates in space().values.items()
        }
        config = space().config(choice)
        if config not in tried:
            (tried[config],) = run([config])
        missed, loss = score(tried[config])
        study.tell(asked, 1e6 * missed + loss)


def _simulation_s(configs: Sequence[OptimizationConfig]) -> float:
    some = random.Random(0).sample(list(configs), 40)
    whole = workload(100_000)
    simulate_summary(whole, service_profile(), some[0])
    began_s = time.perf_counter()
    for config in some:
        simulate_summary(whole, service_profile(), config)
    return float(np.float64(time.perf_counter() - began_s) / len(some))
