"""The recordings as one caller may see and change them: the same rules as for executions."""

import io
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import NamedTuple

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import decoded
from engine.cooperative.slices import Breaks, in_slices
from engine.errors import InvalidRecordingError, RecordingNotFoundError, RecordNotFoundError, WorkersBusyError
from engine.journal.file import FileWriter, RecordingFile
from engine.journal.head import Head
from engine.journal.history import Filter, Page, read_page
from engine.journal.lineage import read_lineage
from engine.journal.moment import read_moment
from engine.journal.moment_shown import shown
from engine.journal.recording import Recording
from engine.journal.shape import RecordingError
from engine.replaying.replay import ReplayOptions
from engine.replaying.script import check_beginning
from engine.replaying.task import (
    REACH,
    REPLAY,
    REPLAY_SECONDS,
    Cut,
    ReachOptions,
    ReachTerms,
    Refused,
    Shown,
    Terms,
    payload_of,
    reached_in,
    result_in,
)
from engine.runtime import Runtime
from proto.moment import MomentReply
from proto.problem import Problem
from proto.recording import LineageReply, RecordingSummary, ReplayReply
from service.auth.caller import Caller
from service.auth.scoped_runtime import check_change, maker_of
from workers.errors import PoolBusyError, WorkerError
from workers.task import Task

_MOST_DIGITS = 18


class Forkable(NamedTuple):
    """A moment of a recording from which another execution can go on, what was recorded, and whose it is."""

    recording_id: str
    owner: str
    head: Head
    checkpoint: Checkpoint


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
        number = _number(sequence)
        is_complete = recording.figures.is_complete
        return await read_lineage(await recording.head(), self._chunks(recording), number, is_complete=is_complete)

    async def file(self, recording_id: str) -> bytes:
        """Return one as a file.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
        """
        return await self._file(self._seen(recording_id))

    async def _file(self, recording: Recording, first: int = 0) -> bytes:
        chunks = [chunk async for chunk in self._chunks(recording, first)]
        writer, breaks = FileWriter(), Breaks()
        head = await recording.head()  # behind its chunks: what has gone meanwhile, it says
        if first > 1:  # what comes before the checkpoint is left out
            head = msgspec.structs.replace(head, is_from_start=False)
        parts = [writer.begin(head)]
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
            head = msgspec.structs.replace(await recording.head(), lacking=())
            check_beginning(head, has_checkpoint=bool(recording.figures.moments))
        except RecordingError as error:
            raise _invalid(error) from error
        env, secrets = self._around(await recording.head())
        terms = Terms(options, env, secrets, self._limits.replay_bytes)
        payload = payload_of(terms, await self.file(recording_id))
        found = result_in(await self._run(recording, REPLAY, payload))
        if isinstance(found, Refused):
            raise _invalid(found.why)
        return found.outcome

    async def moment(
        self, recording_id: str, sequence: str, messages: int, *, is_run: bool = False
    ) -> MomentReply:
        """Return the execution as it was just behind the record of a number.

        Args:
            recording_id: the recording.
            sequence: the number.
            messages: of each queue that are shown.
            is_run: whether it is run again also where every value was noted.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
            RecordNotFoundError: that is no number.
            InvalidRecordingError: that moment cannot be reached.
            WorkersBusyError: too much waits for its turn already, or it took too long.
        """
        recording, at = self._seen(recording_id), _number(sequence)
        if recording.level == "full" and not is_run:
            since = recording.moment_before(at)
            chunks = self._chunks(recording, 0 if since is None else recording.segment_of(since[1]))
            head = await recording.head()
            try:
                is_whole = head.is_from_start and head.is_whole
                moment = await read_moment(head, chunks, at, since=since, is_whole=is_whole)
            except RecordingError as error:
                raise _invalid(error) from error
            return shown(moment, recording.id, messages, is_run=False)
        options = ReachOptions(at=at, recording_id=recording.id, messages=messages)
        found, _ = await self._reached(recording, options)
        if not isinstance(found, Shown):
            raise _invalid("it has no such moment")
        return found.moment

    async def cut(self, recording_id: str, at: int, values: Mapping[int, msgspec.Raw]) -> Forkable:
        """Return a moment of one from which another execution can go on.

        Args:
            recording_id: the recording.
            at: the number of the record behind which it is.
            values: other values of what waits then, by the numbers of their records.

        Raises:
            RecordingNotFoundError: there is none that the caller sees.
            ReadOnlyCallerError: they may only look at it.
            InvalidRecordingError: that moment cannot be reached, or a value waits nowhere.
            WorkersBusyError: too much waits for its turn already, or it took too long.
        """
        recording = self._seen(recording_id)
        check_change(self._caller(), recording.owner)
        for number, value in values.items():
            if len(bytes(value)) > self._limits.value_bytes:
                message = f"A value has at most {self._limits.value_bytes:,} bytes"
                raise InvalidRecordingError([Problem("fork.value", f"values.{number}", message)])
        found, body = await self._reached(recording, ReachOptions(at=at, values=dict(values)))
        if not isinstance(found, Cut):
            raise _invalid("it has no such moment")
        if found.lacking:
            raise InvalidRecordingError(
                [
                    Problem("fork.value", f"values.{number}", f"{number} waits nowhere at {at}: name it as `at`")
                    for number in found.lacking[:100]
                ]
            )
        return Forkable(recording.id, recording.owner, await recording.head(), await in_slices(decoded(body)))

    async def _reached(self, recording: Recording, options: ReachOptions) -> tuple[Refused | Shown | Cut, bytes]:
        since = recording.moment_before(options.at)
        try:
            check_beginning(await recording.head(), has_checkpoint=since is not None)
        except RecordingError as error:
            raise _invalid(error) from error
        first = 0 if since is None else recording.segment_of(since[1])
        env, secrets = self._around(await recording.head())
        terms = ReachTerms(ReplayOptions(), env, secrets, self._limits.replay_bytes, options)
        payload = payload_of(terms, await self._file(recording, first))
        found, body = reached_in(await self._run(recording, REACH, payload))
        if isinstance(found, Refused):
            raise _invalid(found.why)
        return found, body

    def _around(self, head: Head) -> tuple[dict[str, str], dict[str, str]]:
        """Return the variables of the caller, and those of their secrets that a recording names."""
        around = self._vault.of(self._caller().org or "")
        return dict(around.env), {name: around.secrets[name] for name in head.secrets if name in around.secrets}

    async def _run(self, recording: Recording, task: Task, payload: bytes) -> bytes:
        try:
            return await self._replayers.run(recording.owner, task, payload, seconds=REPLAY_SECONDS)
        except PoolBusyError as error:
            raise WorkersBusyError(f"It was not run again: {error}") from error
        except WorkerError as error:
            raise _invalid(error) from error

    def _chunks(self, recording: Recording, first: int = 0) -> AsyncGenerator[bytes]:
        return self._recordings.chunks(recording, first)

    def _seen(self, recording_id: str) -> Recording:
        recording = self._recordings.recording(recording_id)
        if not self._caller().sees(recording.owner):
            raise RecordingNotFoundError(recording_id)
        return recording


def _invalid(why: object) -> InvalidRecordingError:
    return InvalidRecordingError([Problem("recording.invalid", "", f"The recording is refused: {why}")])


def _number(sequence: str) -> int:
    """Return the number of a record in an address.

    Raises:
        RecordNotFoundError: it is none.
    """
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= _MOST_DIGITS):
        raise RecordNotFoundError(sequence[:100])
    return int(sequence)
