"""The recordings as one caller may see and change them: the same rules as for executions."""

import io
from collections.abc import AsyncGenerator, Callable

import msgspec

from engine.cooperative.slices import Breaks, in_slices
from engine.errors import InvalidRecordingError, RecordingNotFoundError, RecordNotFoundError, WorkersBusyError
from engine.journal.file import FileWriter, RecordingFile
from engine.journal.history import Filter, Page, read_page
from engine.journal.lineage import read_lineage
from engine.journal.recording import Recording
from engine.journal.shape import RecordingError
from engine.replaying.replay import ReplayOptions
from engine.replaying.script import check_beginning
from engine.replaying.task import REPLAY, REPLAY_SECONDS, Refused, Terms, payload_of, result_in
from engine.runtime import Runtime
from proto.problem import Problem
from proto.recording import LineageReply, RecordingSummary, ReplayReply
from service.auth.caller import Caller
from service.auth.scoped_runtime import check_change, maker_of
from workers.errors import PoolBusyError, WorkerError

_MOST_DIGITS = 18


class ScopedRecordings:
    """Recordings behind the rules of ``service.auth.caller``. What the caller may not see is not found.

    Args:
        runtime: has them.
        caller: tells who calls, at the moment of the call.
    """

    def __init__(self, runtime: Runtime, caller: Callable[[], Caller]) -> None:
        self._recordings = runtime.recordings
        self._replayers = runtime.replayers
        self._limits = runtime.limits
        self._vault = runtime.library.vault
        self._caller = caller

    def summaries(self) -> list[RecordingSummary]:
        """Return all that the caller sees, in the order in which they began."""
        caller = self._caller()
        return [each.summary() for each in self._recordings.of(None) if caller.sees(each.owner)]

    def summary(self, recording_id: str) -> RecordingSummary:
        """Return one of them.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
        """
        return self._seen(recording_id).summary()

    def remove(self, recording_id: str) -> None:
        """Let go of one.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
            ReadOnlyCallerError: they may only look at it.
        """
        recording = self._seen(recording_id)
        check_change(self._caller(), recording.owner)
        self._recordings.remove(recording.id)

    async def history(self, recording_id: str, wanted: Filter) -> Page:
        """Read its records.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
        """
        recording = self._seen(recording_id)
        chunks = self._chunks(recording, recording.segment_of(wanted.first))
        return await read_page(await recording.head(), chunks, wanted)

    async def lineage(self, recording_id: str, sequence: str) -> LineageReply:
        """Find what a message came of, and what came of it.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
            RecordNotFoundError: it has no such message.
        """
        recording = self._seen(recording_id)
        if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= _MOST_DIGITS):
            raise RecordNotFoundError(sequence[:100])
        is_complete = recording.figures.is_complete
        return await read_lineage(
            await recording.head(), self._chunks(recording), int(sequence), is_complete=is_complete
        )

    async def file(self, recording_id: str) -> bytes:
        """Return one as a file.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
        """
        recording = self._seen(recording_id)
        chunks = [chunk async for chunk in self._chunks(recording)]
        writer, breaks = FileWriter(), Breaks()
        parts = [writer.begin(await recording.head())]  # behind its chunks: what has gone meanwhile, it says
        for chunk in chunks:
            parts.append(writer.chunk(chunk))
            await breaks.offer()
        return b"".join([*parts, writer.end()])

    def check_taking_in(self) -> None:
        """Refuse whoever may keep no recording, before their file is read.

        Raises:
            OrganizationRequiredError: the caller acts for no organisation.
            ReadOnlyCallerError: they may only look.
        """
        maker_of(self._caller())

    async def take_in(self, content: bytes) -> RecordingSummary:
        """Keep a recording that the caller sends.

        Raises:
            InvalidRecordingError: it is none, or damaged.
            OrganizationRequiredError: the caller acts for no organisation.
        """
        owner = maker_of(self._caller())
        try:
            file = await in_slices(RecordingFile.in_steps(io.BytesIO(content)))
            return await self._recordings.take_in(file.head, list(file.chunks()), owner)
        except RecordingError as error:
            raise _invalid(error) from error

    async def replay(self, recording_id: str, options: ReplayOptions) -> ReplayReply:
        """Run one again, in a process of its own.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
            ReadOnlyCallerError: they may only look at it, and bring components to run it with.
            InvalidRecordingError: it cannot be run again.
            WorkersBusyError: too much waits for its turn already, or it took too long.
        """
        recording = self._seen(recording_id)
        if options.components:  # other code would run on the owner's account
            check_change(self._caller(), recording.owner)
        try:
            head = await recording.head()
            check_beginning(msgspec.structs.replace(head, lacking=()))
        except RecordingError as error:
            raise _invalid(error) from error
        around = self._vault.of(self._caller().org or "")
        secrets = {name: around.secrets[name] for name in head.secrets if name in around.secrets}
        terms = Terms(options, dict(around.env), secrets, self._limits.replay_bytes)
        payload = payload_of(terms, await self.file(recording_id))
        try:
            result = await self._replayers.run(recording.owner, REPLAY, payload, seconds=REPLAY_SECONDS)
        except PoolBusyError as error:
            raise WorkersBusyError(f"It was not run again: {error}") from error
        except WorkerError as error:
            raise _invalid(error) from error
        found = result_in(result)
        if isinstance(found, Refused):
            raise _invalid(found.why)
        return found.outcome

    def _chunks(self, recording: Recording, first: int = 0) -> AsyncGenerator[bytes]:
        return self._recordings.chunks(recording, first)

    def _seen(self, recording_id: str) -> Recording:
        recording = self._recordings.recording(recording_id)
        if not self._caller().sees(recording.owner):
            raise RecordingNotFoundError(recording_id)
        return recording


def _invalid(why: object) -> InvalidRecordingError:
    return InvalidRecordingError([Problem("recording.invalid", "", f"The recording is refused: {why}")])
