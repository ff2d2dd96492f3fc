"""Where all places are taken, whoever has waited longest gives way, and nobody who is at work."""

from contextlib import ExitStack

from service.asgi.connections import REFUSED_AT_ONCE, Connections


def test_whoever_has_waited_longest_gives_way() -> None:
    """Not the one that began first, but the one whose last request is longest ago."""
    closed: list[str] = []
    connections = Connections(3)
    for name in ("a", "b", "c"):
        assert connections.enter()
        connections.wait(name, lambda name=name: closed.append(name))  # type: ignore[misc]
    connections.work("a")
    connections.wait("a", lambda: closed.append("a"))
    assert connections.enter()
    assert connections.enter()
    assert closed == ["b", "c"]


def test_nobody_at_work_gives_way() -> None:
    """A connection with a request under way stays; a new one is refused, and served once a place is free."""
    connections = Connections(1)
    assert connections.enter()
    connections.wait("a", lambda: None)
    connections.work("a")
    assert not connections.enter()
    assert connections.count == 1
    connections.leave("a")
    assert connections.enter()


def test_without_a_bound_all_are_served() -> None:
    """0 is no bound."""
    connections = Connections(0)
    assert all(connections.enter() for _ in range(1000))
    assert connections.count == 1000


def test_only_so_many_are_told_why_they_are_refused() -> None:
    """Refused connections are no way around the bound: beyond a few they are closed without a word."""
    connections = Connections(1)
    with ExitStack() as stack:
        told = [stack.enter_context(connections.refusing()) for _ in range(2 * REFUSED_AT_ONCE)]
    assert told.count(True) == REFUSED_AT_ONCE
    with connections.refusing() as has_time:
        assert has_time
