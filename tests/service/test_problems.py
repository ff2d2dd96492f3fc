"""The table from errors to statuses is complete, and says nothing that callers should not know."""

from collections.abc import Iterator

import pytest
import structlog.testing
from werkzeug.exceptions import MethodNotAllowed, NotFound, RequestEntityTooLarge

from engine import errors
from proto.problem import Problem
from service.network.dispatcher import EventOverloadError
from service.problems import RefusalError, error_reply

PROBLEM = Problem(code="edge.cycle", path="edges", message="The edges form a cycle")

# One of each kind; a new kind must be added here, and where its parent has no status to the table.
SAMPLES: dict[type[errors.EngineError], tuple[errors.EngineError, int]] = {
    errors.GraphNotFoundError: (errors.GraphNotFoundError("g"), 404),
    errors.ExecutionNotFoundError: (errors.ExecutionNotFoundError("e"), 404),
    errors.ComponentNotFoundError: (errors.ComponentNotFoundError("c"), 404),
    errors.InvalidGraphError: (errors.InvalidGraphError([PROBLEM]), 400),
    errors.InvalidComponentError: (errors.InvalidComponentError([PROBLEM]), 400),
    errors.InvalidInjectionError: (errors.InvalidInjectionError([PROBLEM]), 400),
    errors.InvalidBreakpointError: (errors.InvalidBreakpointError([PROBLEM]), 400),
    errors.BreakpointNotFoundError: (errors.BreakpointNotFoundError("b1"), 404),
    errors.TooManyBreakpointsError: (errors.TooManyBreakpointsError(32), 409),
    errors.NothingHeldError: (errors.NothingHeldError("b1", 3), 409),
    errors.VerbRefusedError: (errors.VerbRefusedError("It takes no retry"), 409),
    errors.InvalidParametersError: (errors.InvalidParametersError([PROBLEM]), 400),
    errors.CheckpointUnreadableError: (errors.CheckpointUnreadableError("no end"), 400),
    errors.CheckpointVersionError: (errors.CheckpointVersionError(2, 1), 400),
    errors.CheckpointMismatchError: (errors.CheckpointMismatchError([PROBLEM]), 400),
    errors.InvalidRoutineError: (errors.InvalidRoutineError([PROBLEM]), 400),
    errors.IllegalTransitionError: (errors.IllegalTransitionError("e", "pause", "completed"), 409),
    errors.InputsClosedError: (errors.InputsClosedError("e", "why"), 409),
    errors.EdgeCommandError: (errors.EdgeCommandError("It is not held"), 409),
    errors.HeldEdgesError: (errors.HeldEdgesError(500), 409),
    errors.InvalidEdgeCommandError: (errors.InvalidEdgeCommandError([PROBLEM]), 400),
    errors.ExecutionExistsError: (errors.ExecutionExistsError("e"), 409),
    errors.ReloadUnderWayError: (errors.ReloadUnderWayError(1, "switching"), 409),
    errors.ReloadRefusedError: (errors.ReloadRefusedError([PROBLEM]), 409),
    errors.NothingToRollBackError: (errors.NothingToRollBackError("e"), 409),
    errors.ComponentExistsError: (errors.ComponentExistsError("c"), 409),
    errors.ComponentBuiltInError: (errors.ComponentBuiltInError("c"), 409),
    errors.ComponentInUseError: (errors.ComponentInUseError("c", ["g"]), 409),
    errors.TooManyExecutionsError: (errors.TooManyExecutionsError(100), 409),
    errors.WorkersBusyError: (errors.WorkersBusyError("Too much waits"), 429),
    errors.InboxFullError: (errors.InboxFullError("n", 5.0), 429),
    errors.HeldQueueFullError: (errors.HeldQueueFullError("e", 10_000), 429),
    EventOverloadError: (EventOverloadError("No room"), 429),
    errors.ComponentBreaksGraphsError: (errors.ComponentBreaksGraphsError("c", [PROBLEM]), 409),
    errors.NodeNotFoundError: (errors.NodeNotFoundError("n"), 404),
    errors.EdgeNotFoundError: (errors.EdgeNotFoundError("e1"), 404),
    errors.WaitingNotFoundError: (errors.WaitingNotFoundError("7"), 404),
    errors.RecordingNotFoundError: (errors.RecordingNotFoundError("e"), 404),
    errors.RecordNotFoundError: (errors.RecordNotFoundError("7"), 404),
    errors.InvalidRecordingError: (errors.InvalidRecordingError([PROBLEM]), 400),
    errors.VersionNotFoundError: (errors.VersionNotFoundError("g", 3, [1, 2]), 404),
    errors.NameAmbiguousError: (errors.NameAmbiguousError("n", ["g", "h"]), 409),
    errors.PreconditionFailedError: (errors.PreconditionFailedError("g", "1-a"), 412),
    errors.NotDurableError: (errors.NotDurableError([PROBLEM]), 400),
    errors.CannotGoOnError: (errors.CannotGoOnError("its component is gone"), 409),
    errors.NotKeptError: (errors.NotKeptError("the disk is full"), 503),
    errors.QuotaError: (errors.QuotaError("Too many"), 409),
    errors.InjectionRateError: (errors.InjectionRateError(100, 3), 429),
    errors.OwnerMemoryError: (errors.OwnerMemoryError(1, 100, "ORG_MAX_MEMORY_BYTES"), 429),
    errors.ResidentMemoryError: (errors.ResidentMemoryError("Too much"), 503),
    errors.ProcessMemoryError: (errors.ProcessMemoryError(1, 100, "MAX_MEMORY_BYTES"), 503),
}


def _leaves(kind: type[errors.EngineError]) -> Iterator[type[errors.EngineError]]:
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)


def test_every_engine_error_has_a_sample() -> None:
    """No kind of engine error can be added without saying what status it is."""
    assert set(_leaves(errors.EngineError)) == set(SAMPLES)


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_engine_error_has_its_status_code_and_sentence(kind: type[errors.EngineError]) -> None:
    """Each engine error becomes its status, its stable code and its own words."""
    error, status = SAMPLES[kind]
    answer = error_reply(error)
    assert (answer.status, answer.body.code, answer.body.error) == (status, kind.code, str(error))


@pytest.mark.parametrize("kind", RefusalError.__subclasses__())
def test_every_refusal_has_a_status_of_its_own(kind: type[RefusalError]) -> None:
    """No refusal of the service becomes a 500, or has the status or the code of its parent."""
    assert {"code", "status"} <= set(vars(kind))
    answer = error_reply(kind("No"))
    assert 400 <= answer.status < 500 or (answer.status == 503 and "Retry-After" in answer.headers)
    assert answer.body.code == kind.code


def test_an_overload_says_when_to_come_back_and_how_much_was_taken() -> None:
    """A 429 has Retry-After in seconds, and counts the messages that were accepted before the bound."""
    error = errors.InboxFullError("n", 5.0)
    error.accepted = 3
    answer = error_reply(error)
    assert answer.headers == {"Retry-After": "1"}
    assert getattr(answer.body, "accepted", None) == 3


def test_a_full_memory_says_when_to_come_back() -> None:
    """Both statuses of it have Retry-After: the owner's own bound, and that of all callers together."""
    own = error_reply(errors.OwnerMemoryError(1, 100, "ORG_MAX_MEMORY_BYTES"))
    everybodys = error_reply(errors.ProcessMemoryError(1, 100, "MAX_MEMORY_BYTES"))
    assert (own.status, own.headers) == (429, {"Retry-After": "1"})
    assert (everybodys.status, everybodys.headers) == (503, {"Retry-After": "5"})


def test_several_problems_make_one_sentence_and_a_list() -> None:
    """The sentence is the first problem; the list has them all."""
    other = Problem(code="node.duplicate", path="nodes[1].id", message="Duplicate node id: a")
    body = error_reply(errors.InvalidGraphError([PROBLEM, other])).body
    assert body.error == "The edges form a cycle"
    assert body.problems == (PROBLEM, other)


def test_an_unforeseen_error_is_logged_and_not_told() -> None:
    """The caller of a 500 learns nothing of the inside; the log has the error itself."""
    error = ZeroDivisionError("secret detail")
    with structlog.testing.capture_logs() as lines:
        answer = error_reply(error)
    assert (answer.status, answer.body.code) == (500, "internal")
    assert "secret" not in answer.body.error
    assert lines == [{"event": "unforeseen error", "exc_info": error, "log_level": "error"}]


def test_what_the_web_framework_refuses_is_told_in_the_same_shape() -> None:
    """Unknown routes, wrong methods and large bodies have codes; a wrong method says what is allowed."""
    assert error_reply(NotFound()).body.code == "route.not_found"
    assert error_reply(RequestEntityTooLarge()).body.code == "body.too_large"
    wrong = error_reply(MethodNotAllowed(valid_methods=["GET"]))
    assert (wrong.status, wrong.headers) == (405, {"Allow": "GET"})
