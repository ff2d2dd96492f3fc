"""The lifecycle table, against the states and arrows of the specification, and against its documentation."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import IllegalTransitionError
from engine.execution.lifecycle import TERMINAL, TRANSITIONS, Command, Lifecycle, diagram
from proto.execution import ExecutionState

ROOT = Path(__file__).resolve().parents[3]

COMMANDS: tuple[Command, ...] = ("initialize", "run", "pause", "resume", "complete", "fail", "cancel")


def test_the_documentation_shows_the_table() -> None:
    """docs/semantics.md holds the diagram as the table prints it."""
    text = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    assert f"```\n{diagram()}\n```" in text


def test_the_terminal_states_are_the_specification_s() -> None:
    """Completed, failed and cancelled are left by nothing; all others are."""
    assert {"completed", "failed", "cancelled"} == TERMINAL


def test_nobody_else_says_which_states_are_terminal() -> None:
    """Who asks whether an execution has ended asks the table; no other file of the program lists the three."""
    states = re.compile(r"ExecutionState\.(COMPLETED|FAILED|CANCELLED), ExecutionState\.")
    files = [path for folder in ("engine", "service") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in files if states.search(path.read_text())] == []


@given(st.lists(st.sampled_from(COMMANDS), max_size=12))
def test_an_illegal_command_changes_nothing(commands: list[Command]) -> None:
    """Whatever is commanded, the state follows the table, or stays and the error names command and state."""
    lifecycle = Lifecycle("x")
    for command in commands:
        before = lifecycle.state
        following = TRANSITIONS.get((before, command))
        assert lifecycle.allows(command) == (following is not None)
        if following is None:
            with pytest.raises(IllegalTransitionError, match=f"Cannot {command} execution x: it is {before}"):
                lifecycle.apply(command)
            assert lifecycle.state is before
        else:
            assert lifecycle.apply(command) is following
            assert lifecycle.state is following
        assert lifecycle.is_terminal == (lifecycle.state in TERMINAL)


def test_every_state_can_be_reached_and_left_by_failing() -> None:
    """There is a way from ``pending`` to every state, and from every living one to failure."""
    reached = {ExecutionState.PENDING}
    for _ in TRANSITIONS:
        reached |= {following for (state, _), following in TRANSITIONS.items() if state in reached}
    assert reached == set(ExecutionState)
    for state in set(ExecutionState) - TERMINAL:
        assert TRANSITIONS[state, "fail"] is ExecutionState.FAILED
        assert TRANSITIONS[state, "cancel"] is ExecutionState.CANCELLED
