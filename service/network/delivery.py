"""The executions that an event goes to, and what became of it. Pure.

Where it may go is a matter of organisations. A graph that belongs to nobody takes what anybody sends. A graph of
an organisation takes events that name this very organisation; those that name another never, and those that name
none where the operator admits them. The Network does not prove what its nodes say: whoever can send on it can
name any organisation, so this keeps organisations apart among honest nodes, and is no wall against others.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from engine.quota import UNOWNED
from service.auth.caller import Caller
from service.network.events import REQUEST_EVENTS, Event, org_of
from service.settings.network import UnownedEvents

SEEN_EVENTS = 10_000
"""Events that are remembered, so that one that comes by two ways enters once. Minutes of a busy Network."""


class DeliveryTarget(msgspec.Struct, frozen=True):
    """A place in an execution."""

    execution_id: str
    node: str
    port: str


class EventRefusal(msgspec.Struct, frozen=True):
    """The reason why an execution did not take an event: a stable name for programs, and a sentence for people."""

    code: str
    reason: str


class EventReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome of delivering an event.

    Attributes:
        event_id: of the event.
        delivered: places that it was taken in at.
        duplicates: places that had it already.
        refused: one entry for each place that did not take it.
    """

    event_id: str
    delivered: int = 0
    duplicates: int = 0
    refused: tuple[EventRefusal, ...] = ()


Admits = Callable[[Event, str], bool]
"""A function that returns whether an event may enter the graphs of an owner."""


def admission_of_network(unowned: UnownedEvents) -> Admits:
    """Return the rule for events that the Network brings."""

    def admits(event: Event, owner: str) -> bool:
        if owner == UNOWNED:
            return True
        org = org_of(event)
        return org == owner if org else unowned == "admit"

    return admits


def admission_of_caller(caller: Caller, unowned: UnownedEvents) -> Admits:
    """Return the rule for events that a caller brings by HTTP: only into graphs that they may change anyway.

    Whoever acts for the graph's own organisation need not name it in the event.
    """
    by_name = admission_of_network(unowned)

    def admits(event: Event, owner: str) -> bool:
        if not caller.changes(owner):
            return False
        return by_name(event, owner) or (owner == caller.org and not org_of(event))

    return admits


def find_targets(
    event: Event, bound: Mapping[str, LoadedGraph], admits: Admits, own_node_id: str
) -> Iterator[DeliveryTarget]:
    """Yield the places that an event enters, each once however many bindings fit.

    An execution never gets an event that it sent itself, and nobody gets what this service tells of its own work.

    Args:
        event: from outside.
        bound: executions that take events, by id.
        admits: the rule of organisations.
        own_node_id: what this service is called on the Network.
    """
    is_own = event.wrapper.source == own_node_id
    if is_own and event.payload.type.startswith(REQUEST_EVENTS):
        return
    for execution_id, graph in bound.items():
        if is_own and event.wrapper.run_id == execution_id:
            continue
        places = {(each.node, each.port) for each in graph.bindings.inputs if each.fits(event.payload.type)}
        if places and admits(event, graph.owner):
            for node, port in sorted(places):
                yield DeliveryTarget(execution_id, node, port)


class SeenEvents:
    """A memory of which events have gone where; the oldest events are forgotten first."""

    def __init__(self) -> None:
        self._places: dict[str, set[DeliveryTarget]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def note(self, event_id: str, target: DeliveryTarget) -> bool:
        """Note that an event goes to a place; whether that is new."""
        places = self._places.get(event_id)
        if places is None:
            if len(self._places) >= SEEN_EVENTS:
                del self._places[next(iter(self._places))]
            places = self._places[event_id] = set()
        if target in places:
            return False
        places.add(target)
        return True

    def forget(self, event_id: str, target: DeliveryTarget) -> None:
        """Forget an event that was not taken there after all: another attempt is none too many."""
        self._places.get(event_id, set()).discard(target)
