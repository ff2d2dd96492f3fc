"""Counters of edges: what waits, and for how long the source waited."""

from engine.counters.edge_counters import EdgeCounters


def test_waits_of_several_workers_count_once() -> None:
    """Time in which at least one worker waits counts once, however many wait."""
    edge = EdgeCounters()
    edge.begin_wait(10.0)
    edge.begin_wait(11.0)
    edge.end_wait(12.0)
    assert edge.blocked_until(13.0) == 3.0
    edge.end_wait(14.0)
    assert edge.blocked_until(99.0) == 4.0
    edge.begin_wait(100.0)
    assert edge.blocked_until(100.5) == 4.5


def test_what_was_sent_and_not_taken_is_queued() -> None:
    """The queue of an edge is what was sent along it less what its target has taken."""
    edge = EdgeCounters()
    edge.sent, edge.taken = 5, 3
    assert edge.queued == 2


def test_an_edge_begins_with_nothing() -> None:
    """Nothing sent, taken or dropped, no queue and no wait."""
    edge = EdgeCounters()
    assert (edge.sent, edge.taken, edge.dropped, edge.peak, edge.queued, edge.blocked_until(9.0)) == (
        0,
        0,
        0,
        0,
        0,
        0.0,
    )
