"""The names of live events: each is said once, and every list of them is made of that."""

from typing import get_args

from proto import events


def test_every_event_is_listed() -> None:
    """A struct that has a name on the wire is one of the events, and so its name is in the list of all."""
    names = (getattr(each, "name", None) for each in vars(events).values() if isinstance(each, type))
    named = {name for name in names if isinstance(name, str)}
    assert named == {shape.name for shape in get_args(events.Event)}
    assert named < set(events.SERVER_EVENTS)


def test_no_name_is_used_twice() -> None:
    """A client that sends and hears on one connection can tell them apart."""
    names = [*events.SERVER_EVENTS, *events.CLIENT_EVENTS]
    assert len(names) == len(set(names))
