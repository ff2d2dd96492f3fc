"""Trials of components as one caller may have them: of what they may use, on their organisation's account."""

from collections.abc import Callable

import msgspec

from engine.errors import WorkersBusyError
from engine.runtime import Runtime
from engine.testing.trial_task import TRIAL, TRIAL_SECONDS, payload_of
from proto.codec import encode
from proto.problem import Finding
from proto.trial import TrialReply, TrialRequest
from service.auth.caller import Caller
from service.auth.scoped_runtime import ScopedLibrary, maker_of
from workers.errors import PoolBusyError, TaskDeadlineError, WorkerError


class ScopedTrials:
    """Trials behind the rules of ``service.auth.caller``: a component is tried by whoever may register one.

    Args:
        runtime: has the components, and the processes.
        caller: tells who calls, at the moment of the call.
    """

    def __init__(self, runtime: Runtime, caller: Callable[[], Caller]) -> None:
        self._runtime = runtime
        self._library = ScopedLibrary(runtime.library, caller)
        self._caller = caller

    async def attempt(self, request: TrialRequest) -> bytes:
        """Try a component in a process of its own; return the JSON text of what came of it.

        Raises:
            OrganizationRequiredError: the caller acts for no organisation.
            ReadOnlyCallerError: they may only look.
            ComponentNotFoundError: there is none of this id that they may use.
            WorkersBusyError: too much of theirs waits for its turn already.
        """
        owner = maker_of(self._caller())
        if isinstance(request.component, str):
            definition = self._library.component(request.component)
            if self._library.component_versions(request.component):  # a process of its own knows the built-in ones
                request = msgspec.structs.replace(request, component=msgspec.to_builtins(definition))
        payload = payload_of(request, self._runtime.maximum_guest_limits)
        try:
            return await self._runtime.triers.run(owner, TRIAL, payload, seconds=TRIAL_SECONDS)
        except PoolBusyError as error:
            raise WorkersBusyError(f"It was not tried: {error}") from error
        except TaskDeadlineError:
            return _ended(f"It was ended after {TRIAL_SECONDS:g} seconds")
        except WorkerError as error:
            return _ended(f"It came to no good end: {error}")


def _ended(why: str) -> bytes:
    return encode(TrialReply(valid=False, problems=(Finding("trial.ended", "", why),)))
