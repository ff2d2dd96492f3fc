"""The reasons why an execution takes no more: what ended it, and what to do, in words for whoever asks. Pure."""

from proto.execution import ExecutionError, ExecutionState

REASON_CHARACTERS = 300
"""Characters shown of the error of a failed execution; its snapshot has all of it."""

TOLD = "it was told that no more input comes; start another one"
SOURCES_ENDED = "all of its sources had ended, and what came of them was processed; start another one"
BEGUN = "it was given all its inputs at its start; start another one, without inputs if more are to come"


def quiet_for(grace_seconds: float) -> str:
    """Say that an input ended by itself, and how to keep it open."""
    return (
        f"it completed by itself when nothing had come in for {grace_seconds * 1000:,.0f} ms; "
        'start another one, with completion "manual" if it is to wait for more'
    )


def why_ended(state: ExecutionState, error: ExecutionError | None, end_of_input: str) -> str:
    """Say why an execution has ended.

    Args:
        state: its last one.
        error: of one that failed.
        end_of_input: why its input ended, if it did.
    """
    if error is not None:
        cut = error.message[:REASON_CHARACTERS] + "…" * (len(error.message) > REASON_CHARACTERS)
        return f"{cut}; start another one"
    if state is ExecutionState.CANCELLED:
        return "it was stopped; start another one"
    return end_of_input
