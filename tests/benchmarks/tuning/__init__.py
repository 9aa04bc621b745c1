"""The search against plain searches, and against load tests."""

from tests.benchmarks.tuning import exhaustive, load_tests, searches

MEASURES = (exhaustive, searches, load_tests)
PEERS = ("optuna", "joblib", "numba")
DID_NOT_PAY: tuple[str, ...] = ()
