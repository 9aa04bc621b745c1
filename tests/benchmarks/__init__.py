"""Measurements against peers: ``python -m tests.benchmarks [AREA [MEASURE ...]]``."""
