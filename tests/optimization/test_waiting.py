"""Order, ageing and deadlines of the waiting line, in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.optimization.buckets import BucketedLine
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import NS_PER_MS
from codomyrmex_lab.optimization.request import ORDINARY, PendingRequest, Terms
from codomyrmex_lab.optimization.waiting import WaitingLine


def request(id, at_ms=0, priority=0, deadline_ms=None, bucket=None):
    at_ns = round(at_ms * NS_PER_MS)
    deadline_ns = FOREVER_NS if deadline_ms is None else round(deadline_ms * NS_PER_MS)
    terms = Terms(priority=priority, deadline_ns=deadline_ns, bucket=bucket)
    return PendingRequest(id, None, at_ns, at_ns, terms)


def ids(requests):
    return [r.id for r in requests]


def line_of(*requests, **settings):
    line = WaitingLine(OptimizationConfig(**settings))
    for item in requests:
        line.add(item)
    return line


def test_larger_priority_leaves_first_then_earlier_arrival():
    line = line_of(request(0), request(1, priority=1), request(2, priority=2), request(3))
    assert ids(line.take(3)) == [2, 1, 0]
    assert ids(line.take(3)) == [3]
    assert len(line) == 0


def test_waiting_makes_up_for_priority_at_the_documented_rate():
    settings = {"priority_ageing_ms": 100.0}
    early = line_of(request(0, 0), request(1, 199, priority=2), **settings)
    assert ids(early.take(2)) == [1, 0]
    late = line_of(request(0, 0), request(1, 201, priority=2), **settings)
    assert ids(late.take(2)) == [0, 1]


arrivals = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 3)), min_size=1, max_size=50
).map(sorted)


@given(arrivals)
def test_nobody_is_overtaken_by_what_arrives_later_than_ageing_allows(items):
    ageing_ms = 100
    line = line_of(
        *(request(i, at, priority) for i, (at, priority) in enumerate(items)),
        priority_ageing_ms=ageing_ms,
    )
    order = ids(line.take(len(items)))
    assert sorted(order) == list(range(len(items)))
    for place, late in enumerate(order):
        for overtaken in order[place + 1 :]:
            (late_at, high), (early_at, low) = items[late], items[overtaken]
            if early_at < late_at:
                assert late_at - early_at <= (high - low) * ageing_ms


def test_a_discarded_request_holds_no_place_and_does_not_leave():
    gone = request(1)
    line = line_of(request(0), gone, request(2))
    line.discard(gone)
    line.discard(gone)
    assert len(line) == 2
    assert ids(line.take(5)) == [0, 2]


steps = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([None, 0, 1])),
    st.tuples(st.just("discard"), st.integers(0, 20)),
    st.tuples(st.just("take"), st.integers(1, 4)),
    st.tuples(st.just("take oldest"), st.none()),
)


@given(st.lists(steps, max_size=40))
def test_its_length_is_the_number_of_requests_that_wait(actions):
    line, waiting = line_of(), []
    for number, (action, value) in enumerate(actions):
        if action == "add":  # None: an ordinary one, which shares its terms with others
            terms = ORDINARY if value is None else Terms(priority=value)
            waiting.append(PendingRequest(number, None, number, number, terms))
            (line.add_ordinary if value is None else line.add)(waiting[-1])
        elif action == "discard" and waiting:
            line.discard(waiting.pop(value % len(waiting)))
        elif action == "take":
            taken = line.take(value)
            assert len(taken) == min(value, len(waiting))
            waiting = [one for one in waiting if one not in taken]
        elif action == "take oldest":
            assert line.take_oldest() is (waiting.pop(0) if waiting else None)
        assert len(line) == len(waiting)
        assert bool(line.decide(10**12).size) == bool(waiting)
    assert sorted(ids(line.take_all())) == ids(waiting)


def test_deadlines_set_the_time_to_look_again_and_expire_in_order():
    fixed = BatchingStrategy.FIXED
    line = line_of(
        request(0, deadline_ms=20), request(1, deadline_ms=10), request(2), batching_strategy=fixed
    )
    assert line.decide(0).due_ns == 10 * NS_PER_MS
    assert ids(line.take_expired(9 * NS_PER_MS)) == []
    assert ids(line.take_expired(20 * NS_PER_MS)) == [1, 0]
    assert line.decide(20 * NS_PER_MS).due_ns == FOREVER_NS
    assert len(line) == 1


def test_a_request_stays_while_one_that_joined_it_still_has_time():
    leader = request(0, deadline_ms=10)
    line = line_of(leader)
    leader.join(request(1, deadline_ms=30))
    assert line.take_expired(10 * NS_PER_MS) == []
    assert ids(line.take_expired(30 * NS_PER_MS)) == [0]


def test_a_request_that_left_with_its_batch_does_not_expire():
    line = line_of(request(0, deadline_ms=10))
    line.take(1)
    assert line.take_expired(50 * NS_PER_MS) == []


def test_deadlines_of_requests_that_left_do_not_pile_up():
    line = line_of()
    for i in range(10_000):
        line.add(request(i, deadline_ms=1e6))
        line.take(1)
    assert len(line._deadlines) < 200


def test_take_oldest_ignores_priority():
    line = line_of(request(0, 0, priority=0), request(1, 1, priority=5))
    assert line.take_oldest().id == 0
    assert line.take_oldest().id == 1
    assert line.take_oldest() is None


def bucketed(*requests, **settings):
    line = BucketedLine(OptimizationConfig(**settings))
    for item in requests:
        line.add(item)
    return line


def test_a_batch_holds_requests_of_one_bucket_only():
    line = bucketed(
        *(request(i, i, bucket="short" if i % 2 else "long") for i in range(6)),
        max_batch_size=3,
    )
    decision = line.decide(5 * NS_PER_MS)
    assert ids(line.take(decision.size)) == [0, 2, 4]
    decision = line.decide(5 * NS_PER_MS)
    assert ids(line.take(decision.size)) == [1, 3, 5]


def test_each_bucket_has_its_own_timeout():
    line = bucketed(request(0, 0, bucket="a"), request(1, 5, bucket="b"), batch_timeout_ms=10)
    assert line.decide(6 * NS_PER_MS).due_ns == 10 * NS_PER_MS
    line.take(line.decide(10 * NS_PER_MS).size)
    assert line.decide(10 * NS_PER_MS).due_ns == 15 * NS_PER_MS
    assert len(line) == 1


def served(line, at_ms):
    """Return the requests in the order in which batches of a due line hold them."""
    order = []
    while (decision := line.decide(round(at_ms * NS_PER_MS))).size:
        order += ids(line.take(decision.size))
    return order


def test_of_several_due_buckets_the_one_whose_first_request_has_the_largest_priority_goes_first():
    line = bucketed(
        request(0, 0, bucket="a"),
        request(1, 1, priority=1, bucket="b"),
        request(2, 2, priority=2, bucket="c"),
        request(3, 3, bucket="b"),
        batch_timeout_ms=1.0,
    )
    assert served(line, 10) == [2, 1, 3, 0]


def test_of_buckets_of_like_priority_the_one_that_has_waited_longest_goes_first():
    line = bucketed(
        request(0, 0, bucket="a"),
        request(1, 1, bucket="b"),
        request(2, 2, bucket="a"),
        max_batch_size=1,
        batch_timeout_ms=1.0,
    )
    assert served(line, 10) == [0, 1, 2]


def test_a_due_bucket_does_not_wait_for_one_of_larger_priority_that_is_not():
    line = bucketed(
        request(0, 0, bucket="a"), request(1, 8, priority=9, bucket="b"), batch_timeout_ms=10.0
    )
    assert served(line, 10) == [0]


in_buckets = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 3), st.sampled_from("abc")),
    min_size=1,
    max_size=50,
).map(sorted)


@given(in_buckets)
def test_no_bucket_is_overtaken_by_what_arrives_later_than_ageing_allows(items):
    ageing_ms = 100
    line = bucketed(
        *(request(i, at, priority, bucket=name) for i, (at, priority, name) in enumerate(items)),
        priority_ageing_ms=ageing_ms,
        batch_timeout_ms=0.0,
        max_batch_size=1,
    )
    order = served(line, 1000)
    assert sorted(order) == list(range(len(items)))
    for place, late in enumerate(order):
        for overtaken in order[place + 1 :]:
            (late_at, high, _), (early_at, low, _) = items[late], items[overtaken]
            if early_at < late_at:
                assert late_at - early_at <= (high - low) * ageing_ms


def test_a_bucket_that_appears_after_closing_leaves_at_once():
    line = bucketed(batching_strategy=BatchingStrategy.FIXED)
    line.close()
    line.add(request(0, bucket="new"))
    assert line.decide(0).size == 1
    assert ids(line.take_all()) == [0]


def test_asking_again_costs_nothing_for_buckets_in_which_nobody_waits_any_more():
    line = BucketedLine(OptimizationConfig(max_batch_size=1, batch_timeout_ms=0.0))
    for number in range(100):
        line.add(request(number, bucket=number))
    while line.decide(10**12).size:
        line.take(1)
    assert not line._lines
