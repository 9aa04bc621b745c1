"""The same model as simpy programs: requests, a worker, and a timer for the oldest request.

In one each request is a process that waits for its answer, as simpy's documentation writes models;
in the other one process lets all requests arrive, which is the least that simpy can be asked for.
"""

from collections import OrderedDict, deque

import numpy as np
import simpy
from numpy.typing import NDArray

from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.events.traffic import Traffic


class ArrivalsInOneProcess:
    """The lean form."""

    def __init__(self, traffic: Traffic, plan: Plan) -> None:
        self.env = simpy.Environment()
        self.arrivals = list(zip(traffic.arrival_ns.tolist(), traffic.key.tolist(), strict=True))
        self.service_ns = plan.table[0, 1].tolist()
        self.factors = plan.factors[0].tolist()  # of one worker
        self.plan = plan
        self.waiting: deque[int] = deque()
        self.cache: OrderedDict[int, bool] = OrderedDict()
        self.in_flight: dict[int, list[int]] = {}
        self.changed = self.env.event()
        self.all_arrived = False
        self.end_ns = [0] * len(self.arrivals)

    def run(self) -> NDArray[np.int64]:
        """Return when each request is answered, in ns."""
        self.env.process(self.source())
        self.env.process(self.worker())
        self.env.run()
        return np.array(self.end_ns)

    def source(self):
        for i, (arrival_ns, key) in enumerate(self.arrivals):
            yield self.env.timeout(arrival_ns - self.env.now)
            if key in self.cache:
                self.cache.move_to_end(key)
                self.end_ns[i] = arrival_ns
            elif key in self.in_flight:
                self.in_flight[key].append(i)
            else:
                self.in_flight[key] = [i]
                self.waiting.append(i)
                if len(self.waiting) in {1, self.plan.max_batch_size}:
                    self.tell()
        self.all_arrived = True
        self.tell()

    def tell(self) -> None:
        self.changed.succeed()
        self.changed = self.env.event()

    def worker(self):
        n_batches = 0
        while True:
            while not self.may_leave():
                if self.all_arrived and not self.waiting:
                    return
                if self.waiting:
                    due_ns = self.arrivals[self.waiting[0]][0] + self.plan.timeout_ns
                    yield self.changed | self.env.timeout(due_ns - self.env.now)
                else:
                    yield self.changed
            size = min(len(self.waiting), self.plan.max_batch_size)
            batch = [self.waiting.popleft() for _ in range(size)]
            time_ns = self.service_ns[size] * self.factors[n_batches % len(self.factors)]
            n_batches += 1
            yield self.env.timeout(int(time_ns + 0.5))
            for i in batch:
                self.answer(self.arrivals[i][1])

    def may_leave(self) -> bool:
        if not self.waiting:
            return False
        if self.all_arrived or len(self.waiting) >= self.plan.max_batch_size:
            return True
        return self.env.now >= self.arrivals[self.waiting[0]][0] + self.plan.timeout_ns

    def answer(self, key: int) -> None:
        self.cache[key] = True
        if len(self.cache) > self.plan.cache_size:
            self.cache.popitem(last=False)
        for i in self.in_flight.pop(key):
            self.end_ns[i] = self.env.now


class ProcessPerRequest(ArrivalsInOneProcess):
    """The form of the documentation."""

    def source(self):
        for i, (arrival_ns, key) in enumerate(self.arrivals):
            yield self.env.timeout(arrival_ns - self.env.now)
            self.env.process(self.request(i, key))
        yield self.env.timeout(0)
        self.all_arrived = True
        self.tell()

    def request(self, i: int, key: int):
        if key in self.cache:
            self.cache.move_to_end(key)
        elif key in self.in_flight:
            yield self.in_flight[key]
        else:
            answered = self.in_flight[key] = self.env.event()
            self.waiting.append(i)
            if len(self.waiting) in {1, self.plan.max_batch_size}:
                self.tell()
            yield answered
        self.end_ns[i] = self.env.now

    def answer(self, key: int) -> None:
        self.cache[key] = True
        if len(self.cache) > self.plan.cache_size:
            self.cache.popitem(last=False)
        self.in_flight.pop(key).succeed()
