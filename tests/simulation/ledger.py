"""Keeps account of everything that a simulated execution does, and of everything that it must not do.

It hears the execution through the engine's own observers and through the handlers, and compares. What is wrong
becomes a line of ``violations``; a run without one has kept every promise that can be seen from here.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import count, pairwise

import msgspec

from engine.contracts.handler import Emission, Handler, HandlerError, Message
from engine.contracts.lanes import APOCRYPHAL, CANONICAL
from engine.contracts.observer import ExecutionObserver, FlowObserver
from proto.edge import DropReason
from proto.edge_events import EdgeRedirected
from proto.events import ControlEvent
from proto.execution import ExecutionSnapshot
from tests.simulation.endings import Endings
from tests.simulation.order import HandledOrder

MAX_VALUES = 1200
"""Values made in one run; beyond it handlers emit nothing, because floods multiply along the paths of a graph."""

UNTOLD = -1
"""The lane of a message that a chain hands on: its handlers are not told, the stage knows it."""

FOLLOWING = {
    None: ("initializing",),
    "initializing": ("running", "failed", "cancelled"),
    "running": ("paused", "completed", "failed", "cancelled"),
    "paused": ("running", "failed", "cancelled"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
"""The states that watchers may see one after the other; written down here again, not taken from the engine."""


LETTER = b'{"reason":'
"""The beginning of a dead letter; what else begins so is an error."""


def inner_of(value: bytes) -> bytes:
    """Return the value that an error, or a dead letter, is about."""
    return bytes(msgspec.json.decode(value, type=dict[str, msgspec.Raw])["value"])


class Ledger(ExecutionObserver, FlowObserver):
    """The account of one run.

    Args:
        attempts: how often each node may be handed one message, by its id.
        unordered: nodes whose emissions may overtake each other.
        parallel: nodes that run several invocations at once.
        edges: how many leave the port ``out`` of each node.
        feeders: by node, those that have an edge to it.
        droppers: nodes whose inboxes, or to which edges, may drop.
        endings: the reasons for which it may end.
    """

    def __init__(
        self,
        attempts: dict[str, int],
        unordered: frozenset[str],
        parallel: frozenset[str],
        edges: Counter[str],
        feeders: dict[str, set[str]],
        droppers: frozenset[str],
        endings: Endings,
    ) -> None:
        self.violations: list[str] = []
        self.trace: list[str] = []
        self.states: list[str] = []
        self.edge_of: dict[int, int] = {}
        self.invocations: Counter[tuple[str, bytes]] = Counter()
        self.handled: Counter[tuple[str, bytes]] = Counter()
        self.dropped_messages = self.rejections = 0
        self.thrown: Counter[str] = Counter()
        self.held: set[tuple[str, bytes]] = set()
        self.unacknowledged: set[bytes] = set()  # values of sources that wait for what comes of them
        self._acknowledged: set[bytes] = set()
        self.accepted: set[tuple[str, bytes]] = set()
        self.refused: set[tuple[str, bytes]] = set()
        self.uncertain: set[tuple[str, bytes]] = set()
        self.single: dict[str, list[tuple[float, bytes]]] = defaultdict(list)
        self.hopeless: set[tuple[str, bytes]] = set()
        self.is_resting = self.is_pausing = False
        self.endings = endings
        self.order = HandledOrder(parallel)
        self.look: Callable[[str], Sequence[str]] = lambda _: ()
        self.emissions: set[tuple[str, str, bytes]] = set()
        self.in_hands: set[str] = set()  # nodes of which an edge was taken in hand
        self.reordered: set[str] = set()  # those before which somebody has changed the order
        self.stopped: dict[int, tuple[str, int]] = {}  # messages that a breakpoint holds before their nodes
        self.inserted: set[bytes] = set()  # values that somebody has put on an edge
        self._by_hand: set[bytes] = set()  # and values that somebody has given a message
        self.is_dropping = False  # somebody has just asked for it
        self._attempts = attempts
        self._unordered = unordered
        self._parallel = parallel
        self._running = 0
        self._numbers = count()
        self._edges = edges
        self._feeders = feeders
        self._droppers = droppers
        self._last: dict[str, bytes] = {}
        self._places: dict[tuple[str, bytes], int] = {}
        self._furthest: dict[str, int] = {}
        self._begun: set[str] = set()
        self._made: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
        self._thrown_at: set[tuple[str, bytes]] = set()
        self._sent_by: dict[str, set[bytes]] = defaultdict(set)
        self._hops: Counter[tuple[str, bytes]] = Counter()
        self._parents: dict[bytes, bytes] = {}
        self._lanes: dict[bytes, int] = {}
        self._latest: dict[int, int] = {}
        self._arrivals: dict[tuple[str, bytes], tuple[int, int]] = {}
        self._departures: dict[tuple[int, str], int] = {}
        self._initialized: Counter[int] = Counter()
        self._cleaned_up: Counter[int] = Counter()
        self._flushed: Counter[int] = Counter()
        self._handlers: list[Handler] = []
        self.first_invocations: dict[str, list[bytes]] = defaultdict(list)

    def violate(self, text: str) -> None:
        """Note a broken promise."""
        self.violations.append(text)

    # What handlers report

    def make_value(self, node: str, parent: bytes, pad: int, lane: int = CANONICAL) -> bytes:
        """A new value, unlike all others of the run, as JSON text; ``lane`` is that of the port it leaves by."""
        number = next(self._numbers)
        value = b'[ "%d%s" ]' % (number, b"." * pad)
        self.order.note_made(node, value, number)
        self._parents[value] = parent
        self._made[node, parent].append(value)
        self._lanes[value] = self.lane_of(parent) or lane
        self.trace.append(f"{node} makes {value.decode()}")
        return value

    def acknowledge(self, value: bytes) -> None:
        """A source is told that nothing of what came of a value is under way any more."""
        self.trace.append(f"acknowledged {value.decode()}")
        if value not in self.unacknowledged:
            self.violate(f"{value!r} was acknowledged, and not waited for")
        self.unacknowledged.discard(value)
        self._acknowledged.add(value)
        for node, held in self.held:
            if self._root(held) == value:
                self.violate(f"{value!r} was acknowledged, and {node} holds what came of it")

    def _root(self, value: bytes) -> bytes:
        """What a value was made of in the end, as far as it was made of one alone."""
        while (parent := self._parents.get(value, b"null")) != b"null":
            value = parent
        return value

    def note_injected(self, value: bytes, lane: int) -> None:
        """A value is about to be injected in a lane."""
        self._lanes[value] = lane

    def lane_of(self, value: bytes) -> int:
        """The lane that a value must be in: that of what it was made of; errors are apocryphal."""
        if value.startswith(LETTER):
            return self.lane_of(inner_of(value))
        return APOCRYPHAL if value.startswith(b"{") else self._lanes.get(value, CANONICAL)

    def thin(self, node: str, emissions: Sequence[Emission]) -> Sequence[Emission]:
        """The emissions, or none where the run has made enough."""
        if len(self._parents) < MAX_VALUES:
            return emissions
        for _, value in emissions:
            self._made[node, self._parents[value]].remove(value)
        return ()

    def throw(self, node: str, value: bytes, *, hopeless: bool = False) -> None:
        """A handler is about to throw at a value; where that is ``hopeless``, it says so."""
        self.thrown[node] += 1
        if hopeless:
            self.hopeless.add((node, value))
        self._thrown_at.add((node, value))

    def enter(self, node: str, *, is_ending: bool = False) -> None:
        """A handler begins to run, or goes on after it stood aside (perhaps to be cancelled: ``is_ending``)."""
        self._running += 1
        if not is_ending:
            self.check_at_work(node)

    def leave(self) -> None:
        """A handler stops running."""
        self._running -= 1

    def check_at_work(self, node: str) -> None:
        """A handler is doing something just now."""
        self.check_not_resting(node, "process")

    def check_not_resting(self, node: str, what: str) -> None:
        """A handler is called just now."""
        if self.is_resting:
            self.violate(f"{what} of {node} ran between the answer of pause and resume")
        if self.states[-1:] != ["running"] and self.states[-1:] != ["paused"]:
            self.violate(f"{what} of {node} ran while the execution was {self.states[-1:]}")

    def begin(self, node: str, message: Message) -> None:
        """A handler begins with a message."""
        self.trace.append(f"{node} takes {message.value.decode()}")
        if message.lane not in (self.lane_of(message.value), UNTOLD):
            self.violate(f"{node} was handed {message.value!r} in lane {message.lane}")
        if not message.value.startswith(b"{") and message.value not in self._lanes:
            self.violate(f"{node} was handed {message.value!r}, which nobody has made")
        if (node, message.value) in self.hopeless:
            self.violate(f"{node} was handed {message.value!r} again, although that is hopeless")
        self.handled[node, message.value] += 1
        if self._acknowledged and self._root(message.value) in self._acknowledged:
            self.violate(f"{node} was handed what came of a value that had been acknowledged: {message.value!r}")
        if self.handled[node, message.value] == 1:
            wrong = self.order.begin(node, message.value)
            if wrong and node not in self.reordered:
                self.violate(wrong)
        if self.handled[node, message.value] == 1:
            self._last[node] = message.value
        elif node not in self._parallel and self._last[node] != message.value:
            self.violate(f"{node} began with {self._last[node]!r} before it was through with {message.value!r}")
        if self.handled[node, message.value] > self._attempts[node]:
            self.violate(f"{node} was handed {message.value!r} {self.handled[node, message.value]} times")

    def initialized(self, node: str, handler: Handler) -> None:
        """A handler is being initialised."""
        self._begun.add(node)
        if missing := self._feeders.get(node, set()) - self._begun:
            self.violate(f"{node} is initialised before {missing}, which feed it")
        self._handlers.append(handler)  # kept, so that its identity is not given to another
        self._initialized[id(handler)] += 1

    def cleaned_up(self, handler: Handler) -> None:
        """A handler is being cleaned up."""
        self._cleaned_up[id(handler)] += 1

    def flushed(self, handler: Handler) -> None:
        """A handler is being flushed."""
        self._flushed[id(handler)] += 1

    # What persons report

    def rest(self) -> None:
        """Pause has answered, and nobody has asked for anything since."""
        self.is_resting = True
        self.trace.append("resting")
        if self._running:
            self.violate(f"{self._running} handlers were running when pause answered")

    def stir(self) -> None:
        """Somebody is about to ask for resume or stop, or the execution has ended."""
        self.is_resting = self.is_pausing = False

    def go_on(self, node: str) -> None:
        """A handler goes on after it stood aside."""
        self.check_at_work(node)
        if self.is_pausing:
            self.violate(f"{node} went on after somebody had asked for a pause")

    # What the engine tells its observers

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        state = str(execution.state)
        before = self.states[-1] if self.states else None
        self.trace.append(f"state {state}")
        if state not in FOLLOWING[before]:
            self.violate(f"state {state} followed {before}")
        self.states.append(state)
        if not FOLLOWING[state]:
            self.stir()
            self.endings.note_end()
            self.check_lives()

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        del execution_id
        self.trace.append(f"{node_id} drops {count}: {reason}")
        self.dropped_messages += count
        if node_id not in self._droppers and not self.is_dropping:
            self.violate(f"{count} messages were dropped before {node_id}, which does not ask for it")

    def happened(self, execution_id: str, event: ControlEvent) -> None:
        del execution_id
        if isinstance(event, EdgeRedirected):
            self.edge_of.update(dict.fromkeys(event.sequences, event.to_index))

    def note_value(self, value: bytes, lane: int) -> None:
        """Somebody is about to give a message a value, in a lane."""
        self._by_hand.add(value)
        self._lanes[value] = lane

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        del execution_id
        if error.name in ("ValueError", "RuntimeError", "EdgeFull"):  # and no cleanup's, which changes nothing
            self.endings.note_failed(node_id)
        self.rejections += error.name == "EdgeFull"

    def invoked(self, node_id: str, port: str, message: Message) -> None:
        del port
        key = (node_id, message.value)
        self.violations += self.look(node_id)
        if message.lane != self.lane_of(message.value):
            self.violate(f"{node_id} was invoked with {message.value!r} in lane {message.lane}")
        if self.stopped and (node_id, message.sequence) in self.stopped.values():
            self.violate(f"{node_id} was handed message {message.sequence}, which a breakpoint holds")
        self.invocations[key] += 1
        if self.invocations[key] > 1:
            return  # a retry, whose number ``begin`` checks
        self._places[key] = len(self.first_invocations[node_id])
        self.first_invocations[node_id].append(message.value)
        self._arrivals[key] = (message.edge, message.sequence)
        if message.edge >= 0:
            self._check_arrival(node_id, message)

    def _check_arrival(self, node_id: str, message: Message) -> None:
        if self.edge_of.get(message.sequence) != message.edge:
            self.violate(
                f"{node_id} was handed message {message.sequence}, which never left on edge {message.edge}"
            )
        if node_id not in self._parallel | self.reordered:  # several workers begin in any order after a pause
            if message.sequence <= self._latest.get(message.edge, 0):
                self.violate(f"message {message.sequence} was overtaken on edge {message.edge}")
            self._latest[message.edge] = message.sequence

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        self.violations += self.look(target_node)
        inner = inner_of(message.value) if message.value.startswith(LETTER) else b""
        is_letter = inner in self._sent_by[node_id] or inner in self._by_hand
        if message.value in self.inserted:
            self._sent_by[node_id].add(message.value)
        elif not is_letter:
            self.emissions.add((node_id, port, message.value))
            self._sent_by[node_id].add(message.value)
        self._hops[node_id, message.value] += 1
        self._check_lane(node_id, message.value, message.lane)
        if message.sequence in self.edge_of:
            self.violate(f"sequence number {message.sequence} was used twice")
        self.edge_of[message.sequence] = message.edge
        is_by_hand = message.value in self.inserted
        if node_id not in self._unordered and not is_by_hand and not is_letter:  # these leave when they must
            self._check_departure((node_id, port, target_node, target_port), message.value)

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self.emissions.add((node_id, port, value))
        self._hops[node_id, value] += 1
        self._check_lane(node_id, value, lane)

    def _check_lane(self, node_id: str, value: bytes, lane: int) -> None:
        if lane != self.lane_of(value):
            self.violate(f"{node_id} emitted {value!r} in lane {lane}")

    def _check_departure(self, edge: tuple[str, str, str, str], value: bytes) -> None:
        """What a node sends must be in the order of what it was handed along each edge, errors among the rest."""
        node_id = edge[0]
        parent = self._parents.get(value)
        if parent is None:  # made by the engine, for the error port
            parent = inner_of(value)
        place = self._places.get((node_id, parent))
        if place is not None and node_id not in self._parallel:  # then invocations and departures are in one order
            if place < self._furthest.get(node_id, -1):
                self.violate(f"{node_id} sent what follows from {parent!r} behind what follows from a later one")
            self._furthest[node_id] = max(place, self._furthest.get(node_id, -1))
        came_along, sequence = self._arrivals.get((node_id, parent), (-1, 0))
        if came_along < 0 or node_id in self.reordered:
            return  # requests from outside mingle
        way = (came_along, node_id)
        if sequence < self._departures.get(way, 0):
            self.violate(
                f"{node_id} sent what follows from message {sequence} behind what follows from a later one"
            )
        self._departures[way] = max(sequence, self._departures.get(way, 0))

    # After the end

    def check_messages(self, snapshot: ExecutionSnapshot) -> None:
        """What was accepted was processed, or dropped and counted, or is unprocessed: once, whatever the end."""
        injected = {key for key, (edge, _) in self._arrivals.items() if edge < 0}
        if unexpected := injected & self.refused:
            self.violate(f"refused, and handed over all the same: {sorted(unexpected)}")
        entered = len(self.edge_of) + len(self.accepted | injected)
        processed, uncertain = snapshot.metrics.messages_processed, len(self.uncertain - injected)
        accounted = processed + self.dropped_messages + snapshot.unprocessed
        if not entered <= accounted <= entered + uncertain:
            self.violate(
                f"{entered} messages, {uncertain} perhaps: {processed} were processed, {self.dropped_messages} "
                f"dropped, and {snapshot.unprocessed} count as unprocessed"
            )
        least, most = self._finished()
        if not least <= processed <= most + self.rejections:
            self.violate(f"{processed} messages were processed, and from {least} to {most} are finished")
        emitted = snapshot.metrics.messages_emitted
        if emitted > len(self.emissions):
            self.violate(f"{emitted} values were emitted, and {len(self.emissions)} have left")

    def _finished(self) -> tuple[int, int]:
        """How many messages are finished for certain, and at most: those of which something was made tell it."""
        least = most = 0
        for key in self.handled:
            made = self._made[key]
            if key in self.held or any(self._hops[key[0], value] < max(1, self._edges[key[0]]) for value in made):
                continue
            most += 1
            least += bool(made) and key not in self._thrown_at
        return least, most

    def check_metrics(self, snapshot: ExecutionSnapshot, *, watched: bool) -> None:
        """The counters of a completed execution agree with what was seen; who does not watch sees no emissions."""
        metrics = snapshot.metrics
        seen = {
            "component_invocations": self.handled.total(),
            "messages_processed": len(self.handled),
            "error_count": self.thrown.total() + self.rejections,
        }
        if watched:
            seen["messages_emitted"] = len(self.emissions)
        counted = {name: getattr(metrics, name) for name in seen}
        if counted != seen:
            self.violate(f"counted {counted}, but there were {seen}")
        if self.unacknowledged:
            self.violate(f"completed, and never acknowledged: {self.unacknowledged}")
        if self.held:
            self.violate(f"completed, and still held: {self.held}")
        if snapshot.unprocessed:
            self.violate(f"completed with {snapshot.unprocessed} messages in flight")

    def check_lives(self) -> None:
        """Every initialised handler is cleaned up once, and no other; none is initialised or flushed twice."""
        if self._cleaned_up != self._initialized:
            self.violate(
                f"initialised {self._initialized.total()}, cleaned up {self._cleaned_up.total()} handlers"
            )
        if any(times > 1 for times in (self._initialized | self._flushed).values()):
            self.violate("a handler was initialised or flushed twice")

    def check_order_of_injections(self) -> None:
        """Of what came one after the other to one node, what came first was handed over first."""
        for node_id, arrivals in self.single.items():
            if node_id in self._parallel | self.reordered:
                continue
            place = {value: index for index, value in enumerate(self.first_invocations[node_id])}
            known = [(came, value) for came, value in sorted(arrivals) if value in place]
            for (earlier, first), (later, second) in pairwise(known):
                if earlier < later and place[first] > place[second]:
                    self.violate(f"{first!r} came to {node_id} before {second!r}, and was handed over behind it")
