"""A replay in a process of its own: its time is not the event loop's of whoever wants it.

The payload is the length of a JSON text (the options, what may be used, and what may be kept), that text, and the
file of a recording; the result is the JSON text of what came of it, or of why it cannot be run.
"""

import io
import struct

import msgspec
import trio

from engine.contracts.surroundings import SameForAll, Surroundings
from engine.journal.file import RecordingFile
from engine.journal.shape import RecordingError
from engine.replaying.budget import REPLAY_BYTES
from engine.replaying.replay import ReplayOptions, replay
from engine.testing.simulated_time import SimulatedTime
from proto.codec import decode_as, encode
from proto.recording import ReplayReply
from workers.task import Task

REPLAY = Task("engine.replaying.task:replay_aside")

REPLAY_SECONDS = 120.0
"""The longest time of a replay."""

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


def payload_of(terms: Terms, file: bytes) -> bytes:
    """Return what the process is given."""
    told = encode(terms)
    return _LENGTH.pack(len(told)) + told + file


def result_in(result: bytes) -> Refused | Done:
    """Return what the process has said."""
    return msgspec.json.decode(result, type=Refused | Done)


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
