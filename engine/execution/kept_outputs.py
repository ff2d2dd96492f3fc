"""The outputs that are kept of an execution: the last of each port, within bounds in number and in bytes.

What leaves a graph leaves in runs, the values that one batch emitted at one port, and runs are what is kept: so a
value costs no call of its own. All runs stand in the order in which they left, and each in the row of its port;
the oldest of a port goes where there are too many of it, the oldest of all where there is too much.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.lanes import NAMES
from engine.memory.ledger import Account
from proto.execution import Output, OutputCounts

PORT_BYTES = 400
"""Bytes of a port's row."""

RUN_BYTES = 300
"""Bytes of a run beside its values."""

VALUE_BYTES = 64
"""Bytes of a value beside its text: its object, and its place in a list."""

_STEP_BYTES = 4 * 1024
"""Bytes that are charged at once."""

_NULL = msgspec.Raw(b"null")

Value = bytes | int
"""The JSON text of a value; the number of its bytes where it is too large to be kept."""


class _Run:
    """Values that left at one port together."""

    __slots__ = ("lane", "last", "port", "size_bytes", "values")

    def __init__(self, port: "_Port", last: int, lane: int, values: Sequence[Value], size_bytes: int) -> None:
        self.port = port
        self.last = last
        self.lane = lane
        self.values = values
        self.size_bytes = size_bytes

    def read(self) -> tuple["_Port", int, int, Sequence[Value]]:
        """Return what is in it now, with the number of the first value; it may be cut later."""
        return self.port, self.lane, self.last - len(self.values) + 1, self.values


class _Port:
    """The row of one port: how many values left there, and the runs that are kept."""

    __slots__ = ("kept", "name", "node", "runs", "total")

    def __init__(self, node: str, name: str) -> None:
        self.node = node
        self.name = name
        self.total = 0
        self.kept = 0
        self.runs: deque[_Run] = deque()


class KeptOutputs:
    """The last outputs of one execution.

    Args:
        per_port: how many are kept of each port.
        limit_bytes: how much of all of them; no value that is larger is kept, but that it was.
        account: charged with them; nothing is when absent.
    """

    def __init__(self, per_port: int, limit_bytes: int, account: Account | None) -> None:
        self._per_port = per_port
        self._limit_bytes = limit_bytes
        self._account = account
        self._charged_bytes = 0
        self._ports: dict[tuple[int, int], _Port] = {}
        self._by_place: dict[str, _Port] = {}
        self._runs: OrderedDict[int, _Run] = OrderedDict()  # by the number of their last value
        self._run_bytes = 0

    @property
    def size_bytes(self) -> int:
        """The bytes that all of it takes, roughly."""
        return self._run_bytes + PORT_BYTES * len(self._ports)

    def add(
        self, node: CompiledNode, index: int, values: Sequence[bytes], lane: int, last: int, size: int = -1
    ) -> None:
        """Keep values that have just left.

        Args:
            node: where.
            index: of its output port.
            values: in their order; nobody else changes the list.
            lane: of all of them.
            last: the number of the last one among the execution's outputs.
            size: the sum of their bytes, where it is known.
        """
        port = self._ports.get((node.index, index)) or self._open(node, index)
        count = len(values)
        port.total += count
        if count > self._per_port:
            values, size = values[-self._per_port :], -1
        if size < 0:
            size = len(values[0]) if len(values) == 1 else sum([len(value) for value in values])
        size += RUN_BYTES + VALUE_BYTES * len(values)
        kept: Sequence[Value] = values
        if size > self._limit_bytes:
            kept, size = self._fitting(values)
            if not kept:
                return
        run = _Run(port, last, lane, kept, size)
        self._runs[last] = run
        port.runs.append(run)
        port.kept += len(kept)
        self._run_bytes += size
        while port.kept > self._per_port:
            self._cut(port, port.kept - self._per_port)
        while self._runs and (self._run_bytes > self._limit_bytes or not self._is_charged()):
            self._drop_oldest()

    def move(self, nodes: Mapping[int, CompiledNode], former: Sequence[CompiledNode]) -> None:
        """Know nodes by other indices from now on.

        Args:
            nodes: as they are from now on, by the indices that they had; those that are gone are not among them.
            former: all of them, as they were.
        """
        moved = {}
        for (index, output), port in self._ports.items():
            node = nodes.get(index)
            name = former[index].outputs[output]
            if node is not None and name in node.outputs:
                moved[node.index, node.outputs.index(name)] = port
        self._ports = moved

    def _open(self, node: CompiledNode, index: int) -> _Port:
        place = f"{node.id}:{node.outputs[index]}"
        port = self._by_place.get(place)  # it may have been there before a change of the graph
        if port is None:
            port = self._by_place[place] = _Port(node.id, node.outputs[index])
        self._ports[node.index, index] = port
        return port

    def _fitting(self, values: Sequence[bytes]) -> tuple[list[Value], int]:
        """Return the last of a run's values that may be kept, and what they take."""
        left = self._limit_bytes - RUN_BYTES
        kept: list[Value] = []
        size = RUN_BYTES
        for value in reversed(values):
            is_kept = VALUE_BYTES + len(value) <= left
            taken = VALUE_BYTES + (len(value) if is_kept else 0)
            if size - RUN_BYTES + taken > left:
                break
            kept.append(value if is_kept else len(value))
            size += taken
        kept.reverse()
        return kept, size

    def _cut(self, port: _Port, count: int) -> None:
        """Let go of a port's oldest values: so many, or those of its oldest run."""
        run = port.runs[0]
        if len(run.values) <= count:
            self._drop(run)
            return
        gone, run.values = run.values[:count], run.values[count:]
        freed = sum([VALUE_BYTES + (0 if isinstance(value, int) else len(value)) for value in gone])
        run.size_bytes -= freed
        self._run_bytes -= freed
        port.kept -= count

    def _drop_oldest(self) -> None:
        self._drop(next(iter(self._runs.values())))

    def _drop(self, run: _Run) -> None:
        """Let go of a run, which is the oldest of its port."""
        del self._runs[run.last]
        run.port.runs.popleft()
        run.port.kept -= len(run.values)
        self._run_bytes -= run.size_bytes

    def _is_charged(self) -> bool:
        """Charge what is kept; return whether there was memory for it."""
        more = self.size_bytes - self._charged_bytes
        if more <= 0 or self._account is None:
            return True
        if not self._account.try_charge(more + _STEP_BYTES, "outputs"):
            return False
        self._charged_bytes += more + _STEP_BYTES
        return True

    def runs(self) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int, int, Sequence[Value]]]]:
        """Return how many left, by node and port; and what is kept: node, port, last number, lane and values."""
        totals = [(port.node, port.name, port.total) for port in self._ports.values()]
        runs = [(run.port.node, run.port.name, run.last, run.lane, run.values) for run in self._runs.values()]
        return totals, runs

    def begin_with(self, node: CompiledNode, index: int, total: int) -> None:
        """Count values that have left at a port before, in an execution that this one goes on from."""
        port = self._ports.get((node.index, index)) or self._open(node, index)
        port.total += total

    def go_on_with(self, node: CompiledNode, index: int, values: Sequence[Value], lane: int, last: int) -> None:
        """Keep a run that was kept before."""
        texts = [value for value in values if isinstance(value, bytes)]
        if len(texts) == len(values):
            self.add(node, index, texts, lane, last)
        else:  # one is too large to be kept: so are those before it, by now
            port = self._ports.get((node.index, index)) or self._open(node, index)
            port.total += len(values)

    def counts(self, place: str | None = None) -> OutputCounts:
        """Return how many left and are kept: at one port, such as ``node:port``, or at all."""
        if place is None:
            ports = self._by_place.values()
            return OutputCounts(sum(port.total for port in ports), sum(port.kept for port in ports))
        port = self._by_place.get(place)
        return OutputCounts() if port is None else OutputCounts(port.total, port.kept)

    def read(self, place: str | None = None, after: int = 0) -> Iterator[Output]:
        """Return those that are kept at this moment, in the order in which they left.

        Args:
            place: only those of this port, such as ``node:port``.
            after: only those with a greater number.
        """
        port = None if place is None else self._by_place.get(place)
        if place is not None and port is None:
            return iter(())
        runs = self._runs.values() if port is None else port.runs
        return _outputs([run.read() for run in runs if run.last > after], after)


def _outputs(runs: Sequence[tuple[_Port, int, int, Sequence[Value]]], after: int) -> Iterator[Output]:
    for port, lane, first, values in runs:
        for number, value in enumerate(values, first):
            if number <= after:
                continue
            if isinstance(value, int):
                yield Output(number, port.node, port.name, _NULL, NAMES[lane], value)
            else:
                yield Output(number, port.node, port.name, msgspec.Raw(value), NAMES[lane])
