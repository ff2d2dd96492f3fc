"""A trial in a process of its own: in simulated time, and with nothing of the service within its reach."""

import msgspec
import trio

from engine.testing.simulated_time import SimulatedTime
from engine.testing.trial import try_component
from proto.codec import encode
from proto.component import ExecutionLimits
from proto.trial import TrialReply, TrialRequest
from workers.task import Task

TRIAL = Task("engine.testing.trial_task:try_aside")

TRIAL_SECONDS = 30.0
"""The longest time of a trial, the start of its process included, which takes long on a busy machine."""


class Errand(msgspec.Struct, frozen=True):
    """The errand of a process: a trial, and what a component may ask for."""

    request: TrialRequest
    maximum: ExecutionLimits | None = None


def payload_of(request: TrialRequest, maximum: ExecutionLimits | None) -> bytes:
    """Return what the process is given."""
    return encode(Errand(request, maximum))


def result_in(result: bytes) -> TrialReply:
    """Return what the process has said."""
    return msgspec.json.decode(result, type=TrialReply)


def try_aside(payload: bytes) -> bytes:
    """Try a component."""
    errand = msgspec.json.decode(payload, type=Errand)
    time = SimulatedTime()
    return encode(trio.run(try_component, errand.request, time, errand.maximum, clock=time.clock))
