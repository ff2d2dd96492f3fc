"""The flight recorder: the latest records of executions that nobody records, kept where one fails.

They are in memory, in a ring bounded in bytes, and gone with the execution unless that fails.
"""

from collections.abc import Callable

from engine.journal.recorder import Recorder
from engine.journal.recording import Recording, Why


class Flights:
    """The recordings of executions under way that nobody has asked for."""

    def __init__(self) -> None:
        self._underway: dict[str, tuple[Recorder, Recording, Callable[[], None]]] = {}
        self._now_ms: Callable[[], int] = lambda: 0

    def begin(
        self, recorder: Recorder, recording: Recording, detach: Callable[[], None], now_ms: Callable[[], int]
    ) -> None:
        """Keep a recorder's latest chunks; ``detach`` takes it away from its execution."""
        self._underway[recording.id] = recorder, recording, detach
        self._now_ms = now_ms
        recording.note_lost = recorder.lost

        def stop(why: Why) -> None:
            del why
            self.end(recording.id)

        recording.stop = stop

    def end(self, execution_id: str) -> None:
        """Keep nothing of an execution any more."""
        flight = self._underway.pop(execution_id, None)
        if flight is not None:
            _, recording, detach = flight
            recording.end("stopped", self._now_ms())
            recording.empty()
            detach()

    def land(self, execution_id: str) -> Recording | None:
        """Return what was noted of an execution, which has failed; None where nothing was."""
        flight = self._underway.get(execution_id)
        if flight is None:
            return None
        recorder, recording, detach = flight
        recorder.seal()
        if self._underway.pop(execution_id, None) is None:  # there was no memory for the last of it
            return None
        recording.end("failed", self._now_ms())
        detach()
        return recording
