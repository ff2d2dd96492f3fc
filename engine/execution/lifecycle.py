"""The life of an execution, as a table.

A command that the table does not list for a state changes nothing and raises. ``diagram()`` draws the table for
the documentation, which a test compares.
"""

from typing import Literal

from engine.errors import IllegalTransitionError
from proto.execution import ExecutionState as State

Command = Literal["initialize", "run", "pause", "resume", "complete", "fail", "cancel"]

TRANSITIONS: dict[tuple[State, Command], State] = {
    (State.PENDING, "initialize"): State.INITIALIZING,
    (State.PENDING, "fail"): State.FAILED,
    (State.PENDING, "cancel"): State.CANCELLED,
    (State.INITIALIZING, "run"): State.RUNNING,
    (State.INITIALIZING, "fail"): State.FAILED,
    (State.INITIALIZING, "cancel"): State.CANCELLED,
    (State.RUNNING, "pause"): State.PAUSED,
    (State.RUNNING, "complete"): State.COMPLETED,
    (State.RUNNING, "fail"): State.FAILED,
    (State.RUNNING, "cancel"): State.CANCELLED,
    (State.PAUSED, "resume"): State.RUNNING,
    (State.PAUSED, "fail"): State.FAILED,
    (State.PAUSED, "cancel"): State.CANCELLED,
}

TERMINAL = frozenset(State) - {state for state, _ in TRANSITIONS}
"""States that nothing leaves."""


class Lifecycle:
    """The state of one execution. It changes through ``apply`` only."""

    def __init__(self, execution_id: str) -> None:
        self._execution_id = execution_id
        self._state = State.PENDING

    @property
    def state(self) -> State:
        """The state of the execution now."""
        return self._state

    @property
    def is_terminal(self) -> bool:
        """True once nothing can change any more."""
        return self._state in TERMINAL

    def allows(self, command: Command) -> bool:
        """Return whether ``command`` would be obeyed now."""
        return (self._state, command) in TRANSITIONS

    def apply(self, command: Command) -> State:
        """Obey ``command`` and return the new state.

        Raises:
            IllegalTransitionError: the present state does not take it; nothing has changed.
        """
        following = TRANSITIONS.get((self._state, command))
        if following is None:
            raise IllegalTransitionError(self._execution_id, command, self._state)
        self._state = following
        return following


def diagram() -> str:
    """Return the table as text, one line a transition."""
    width = max(len(state) for state, _ in TRANSITIONS)
    return "\n".join(
        f"{state:<{width}} --{command}-> {following}" for (state, command), following in TRANSITIONS.items()
    )
