"""The outputs of an execution: counted, kept, and reported to those who watch."""

from collections.abc import Sequence

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.observer import FlowObserver
from engine.documents.mask import Mask
from engine.execution.kept_outputs import KeptOutputs
from engine.limits import EngineLimits
from engine.memory.ledger import Account


class Outputs:
    """The values that no edge takes up.

    Args:
        limits: how many are kept.
        account: charged with them; nothing is when absent.
        mask: of the secrets that the execution uses; None where it uses none.

    Attributes:
        count: values that have left; whoever lets some go counts them.
        is_heard: whether they are kept, or somebody watches: only then ``note`` needs to be called.
        kept: the last of them; None where none are.
        observers: those who watch. Replaced as a whole when one comes or goes.
    """

    __slots__ = ("count", "is_heard", "kept", "mask", "observers")

    def __init__(self, limits: EngineLimits, account: Account | None, mask: Mask | None = None) -> None:
        self.mask = mask
        self.count = 0
        self.observers: tuple[FlowObserver, ...] = ()
        self.kept: KeptOutputs | None = None
        if limits.kept_outputs:
            self.kept = KeptOutputs(limits.kept_outputs, limits.kept_output_bytes, account)
        self.is_heard = self.kept is not None

    def add_observer(self, observer: FlowObserver) -> None:
        """Tell an observer from now on."""
        self.observers = (*self.observers, observer)
        self.is_heard = True

    def remove_observer(self, observer: FlowObserver) -> None:
        """Tell an observer no more."""
        self.observers = tuple(other for other in self.observers if other is not observer)
        self.is_heard = self.kept is not None or bool(self.observers)

    def note(self, node: CompiledNode, port: int, values: Sequence[bytes], lane: int, size: int = -1) -> None:
        """Keep and report values that have just been counted; ``size`` is the sum of their bytes, if known."""
        if self.mask is not None:
            values, size = [self.mask.json(value) for value in values], -1
        if self.kept is not None:
            self.kept.add(node, port, values, lane, self.count, size)
        if self.observers:
            name = node.outputs[port]
            for value in values:
                for observer in self.observers:
                    observer.emitted_in_lane(node.id, name, value, lane)

    def note_error(self, node: CompiledNode, derived_lane: int, value: bytes) -> None:
        """Count, keep and report the value of an error that no edge takes up."""
        lane = derived_lane or node.lanes[node.error_port]
        self.count += 1
        if self.mask is not None:
            value = self.mask.json(value)
        if self.kept is not None:
            self.kept.add(node, node.error_port, (value,), lane, self.count)
        for observer in self.observers:
            observer.errored(node.id, node.outputs[node.error_port], value, lane)

    def empty(self) -> None:
        """Let go of all, once the execution has ended; what was kept is somebody else's by now."""
        self.observers, self.kept, self.is_heard = (), None, False
