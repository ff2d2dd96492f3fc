"""A recording run again in a process of its own: its time is not the event loop's of whoever wants it.

The payload is the length of a JSON text (the options, what may be used, and what may be kept), that text, and the
file of a recording; the result is the JSON text of what came of it, or of why it cannot be run. Where a checkpoint
is wanted, that text has its length before it, and the checkpoint behind it.
"""

import io
import struct

import msgspec
import trio

from engine.checkpoint.encoding import encoded
from engine.contracts.surroundings import SameForAll, Surroundings
from engine.cooperative.slices import in_slices
from engine.journal.file import RecordingFile
from engine.journal.moment_shown import shown
from engine.journal.shape import RecordingError
from engine.replaying.budget import REPLAY_BYTES
from engine.replaying.reaching import edited, moment_in, reach
from engine.replaying.replay import ReplayOptions, replay
from engine.testing.simulated_time import SimulatedTime
from proto.codec import decode_as, encode
from proto.moment import MomentReply
from proto.recording import ReplayReply
from workers.task import Task

REPLAY = Task("engine.replaying.task:replay_aside")

REPLAY_SECONDS = 120.0
"""The longest time of a replay."""

REACH = Task("engine.replaying.task:reach_aside")

_LENGTH = struct.Struct("<I")
_MANY = 2**60


class Terms(msgspec.Struct, frozen=True):
    """The terms of a replay: its options, the surroundings of whoever wants it, and the bytes that it may keep."""

    options: ReplayOptions
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    limit_bytes: int = REPLAY_BYTES

    def __repr__(self) -> str:  # a struct shows its fields, and these must not be shown
        return f"Terms({len(self.secrets)} secrets)"


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The reason why a recording cannot be run again."""

    why: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The outcome of a replay."""

    outcome: ReplayReply


class ReachOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The moment that is wanted of a recording.

    Attributes:
        at: the number of the record.
        recording_id: of the recording, for what is shown.
        messages: of each queue that are shown; where it is absent, a checkpoint is wanted.
        values: other values of what waits then, by the numbers of their records.
    """

    at: int
    recording_id: str = ""
    messages: int | None = None
    values: dict[int, msgspec.Raw] = {}


class ReachTerms(Terms, frozen=True):
    """The terms on which a moment is reached; ``moment`` is which."""

    moment: ReachOptions = ReachOptions(at=0)


class Shown(msgspec.Struct, frozen=True, tag=True):
    """A moment, as it is shown."""

    moment: MomentReply


class Cut(msgspec.Struct, frozen=True, tag=True):
    """A moment, as a checkpoint, whose bytes follow; and the numbers of wanted values that wait nowhere in it."""

    lacking: list[int]


def payload_of(terms: Terms, file: bytes) -> bytes:
    """Return what the process is given."""
    told = encode(terms)
    return _LENGTH.pack(len(told)) + told + file


def result_in(result: bytes) -> Refused | Done:
    """Return what the process has said."""
    return msgspec.json.decode(result, type=Refused | Done)


def reached_in(result: bytes) -> tuple[Refused | Shown | Cut, bytes]:
    """Return what the process has said, and the bytes of a checkpoint, if one was wanted."""
    (length,) = _LENGTH.unpack_from(result)
    end = _LENGTH.size + length
    return msgspec.json.decode(result[_LENGTH.size : end], type=Refused | Shown | Cut), result[end:]


def replay_aside(payload: bytes) -> bytes:
    """Run a recording again, and compare it."""
    (length,) = _LENGTH.unpack_from(payload)
    terms = decode_as(payload[_LENGTH.size : _LENGTH.size + length], Terms, _MANY)
    vault = SameForAll(Surroundings(terms.env, terms.secrets))
    time = SimulatedTime()

    async def run() -> ReplayReply | RecordingError:
        try:
            file = RecordingFile(io.BytesIO(payload[_LENGTH.size + length :]))
            return await replay(file.head, file.records, time, terms.options, vault, terms.limit_bytes)
        except RecordingError as error:
            return error

    found = trio.run(run, clock=time.clock)
    return encode(Refused(str(found)) if isinstance(found, RecordingError) else Done(found))


def reach_aside(payload: bytes) -> bytes:
    """Run a recording again up to a moment of it."""
    (length,) = _LENGTH.unpack_from(payload)
    terms = decode_as(payload[_LENGTH.size : _LENGTH.size + length], ReachTerms, _MANY)
    time = SimulatedTime()

    async def run() -> tuple[Refused | Shown | Cut, bytes]:
        try:
            return await _reached(RecordingFile(io.BytesIO(payload[_LENGTH.size + length :])), time, terms)
        except RecordingError as error:
            return Refused(str(error)), b""

    told, checkpoint = trio.run(run, clock=time.clock)
    text = encode(told)
    return _LENGTH.pack(len(text)) + text + checkpoint


async def _reached(
    file: RecordingFile, time: SimulatedTime, terms: ReachTerms
) -> tuple[Refused | Shown | Cut, bytes]:
    vault, wanted = SameForAll(Surroundings(terms.env, terms.secrets)), terms.moment
    reached = await reach(file.head, file.records, time, wanted.at, vault, terms.limit_bytes)
    if wanted.messages is not None:
        moment = moment_in(file.head, reached)
        return Shown(shown(moment, wanted.recording_id, wanted.messages, is_run=True)), b""
    checkpoint, lacking = edited(reached, {number: bytes(value) for number, value in wanted.values.items()})
    return Cut(lacking), await in_slices(encoded(checkpoint))
