"""Lines of what leaves a graph: the values at every port that no edge leaves."""

from collections.abc import Callable
from types import FrameType
from typing import Any, BinaryIO, ClassVar

import trio

from engine.contracts.observer import FlowObserver
from proto.codec import encode

SignalHandler = Callable[[int, FrameType | None], Any]


class _InterruptedWriteError(Exception):
    """A signal came while a write was waiting for a reader."""


class OutputLines(FlowObserver):
    """Writes values as NDJSON: ``{"node", "port", "value"}``.

    A write waits for whoever reads, so a slow reader slows the graph. A signal ends that wait, because a reader
    that has stopped reading would otherwise keep the process for ever.

    Attributes:
        ended: set when nothing can be written any more; what is emitted then goes nowhere.
        failure: why, unless a signal was it.
    """

    hears_hops: ClassVar[bool] = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._heads: dict[tuple[str, str], bytes] = {}
        self._is_writing = False
        self.ended = trio.Event()
        self.failure: OSError | None = None

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        """Write a value that leaves the graph."""
        if self.ended.is_set():
            return
        head = self._heads.get((node_id, port))
        if head is None:
            head = encode({"node": node_id, "port": port})[:-1] + b',"value":'
            self._heads[node_id, port] = head
        try:
            self._is_writing = True
            self._stream.write(head + value + b"}\n")
            self._stream.flush()
            self._is_writing = False
        except OSError as error:
            self._is_writing = False
            self.failure = error
            self.ended.set()
        except _InterruptedWriteError:
            self.ended.set()

    def interrupting(self, handle: SignalHandler) -> SignalHandler:
        """Return a signal handler that calls ``handle``, and ends a write that waits at that moment."""

        def interrupt(number: int, frame: FrameType | None) -> None:
            handle(number, frame)
            if self._is_writing:
                self._is_writing = False  # one exception for one write, whatever number of signals there are
                raise _InterruptedWriteError

        return interrupt
