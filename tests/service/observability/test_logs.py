"""Log lines: JSON for machines, text for people, and neither can be forged by what is logged."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import HandlerError, LogLine
from proto.execution import (
    ExecutionError,
    ExecutionMetrics,
    ExecutionSnapshot,
    ExecutionState,
    InstanceMetrics,
    InstanceSnapshot,
)
from service.observability.logs import LoggingObserver, start_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Leave the process' logging as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def _logged(form: str, text: str, level: str = "info") -> str:
    stream = io.StringIO()
    start_logging("debug", "json" if form == "json" else "console", stream)
    LoggingObserver().logged("exec", "node", LogLine(level, text, b'{"a":1}'))
    return stream.getvalue()


def test_a_json_line_has_everything() -> None:
    """One object a line: time, level, event, execution, node, message and what the author added."""
    line = json.loads(_logged("json", "42"))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "component log",
        "execution": "exec",
        "node": "node",
        "message": "42",
        "meta": '{"a":1}',
        "level": "info",
    }


@given(text=st.text(max_size=40), form=st.sampled_from(["json", "console"]))
def test_nothing_that_is_logged_breaks_its_line_or_steers_a_terminal(text: str, form: str) -> None:
    """Whatever an untrusted component logs is one line without control characters."""
    output = _logged(form, text)
    assert output.endswith("\n")
    assert output[:-1].isprintable()


@pytest.mark.parametrize(
    ("level", "shown"), [("debug", "debug"), ("warn", "warning"), ("error", "error"), ("?", "info")]
)
def test_levels_are_translated(level: str, shown: str) -> None:
    """A component's level becomes the log's own; an unknown one is info."""
    assert json.loads(_logged("json", "x", level))["level"] == shown


def test_a_failed_invocation_is_a_warning_with_its_node() -> None:
    """An operator sees which node failed, and why."""
    stream = io.StringIO()
    start_logging("info", "json", stream)
    LoggingObserver().invocation_failed("exec", "node", HandlerError("TypeError", "no"))
    line = json.loads(stream.getvalue())
    assert (line["level"], line["node"], line["error"]) == ("warning", "node", "TypeError: no")


def test_the_level_is_the_least_that_is_logged() -> None:
    """Below LOG_LEVEL nothing is written; what libraries say is written in the same shape."""
    stream = io.StringIO()
    start_logging("warning", "json", stream)
    LoggingObserver().logged("exec", "node", LogLine("info", "x"))
    logging.getLogger("library").warning("hear %s", "this")
    (line,) = stream.getvalue().splitlines()
    assert (json.loads(line)["event"], json.loads(line)["level"]) == ("hear this", "warning")


def test_an_error_has_its_stack_in_json() -> None:
    """The stack of an unforeseen error is in the one line of its event."""
    stream = io.StringIO()
    start_logging("info", "json", stream)
    structlog.get_logger().error("unforeseen error", exc_info=ZeroDivisionError("reason"))
    (line,) = stream.getvalue().splitlines()
    assert "ZeroDivisionError: reason" in json.loads(line)["exception"]


def _lines(stream: io.StringIO, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.usefixtures("autojump_clock")
async def test_drops_are_one_warning_of_a_node_a_second() -> None:
    """However many messages a node drops, each second has one line of it, and the counts of the lines add up."""
    stream, observer = io.StringIO(), LoggingObserver()
    start_logging("info", "json", stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(observer.warn_of_drops)
        for _ in range(1990):
            observer.dropped("exec", "a", 1, "overflow")
            await trio.sleep(0.001)
        observer.dropped("exec", "b", 3, "overflow")
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    told = _lines(stream, "messages dropped")
    assert [(line["node"], line["level"]) for line in told] == [("a", "warning")] * 2 + [("b", "warning")]
    assert [sum(line["count"] for line in told if line["node"] == name) for name in "ab"] == [1990, 3]


def test_drops_are_told_before_the_end_that_follows_them() -> None:
    """At an execution's end nothing that it dropped is still to be told, and no other's is told for it."""
    stream, observer = io.StringIO(), LoggingObserver()
    start_logging("info", "json", stream)
    observer.dropped("exec", "a", 7, "overflow")
    observer.dropped("other", "a", 9, "overflow")
    observer.state_changed(_ended("completed"))
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["messages dropped", "execution state"]
    assert [line["count"] for line in _lines(stream, "messages dropped")] == [7]


def _ended(state: str, *unprocessed: int) -> ExecutionSnapshot:
    instances = tuple(
        InstanceSnapshot(f"n{index}", "instance", "component", "stopped", 0, InstanceMetrics(), count)
        for index, count in enumerate(unprocessed)
    )
    error = ExecutionError("no") if state == "failed" else None
    metrics = ExecutionMetrics()
    return ExecutionSnapshot(
        "exec", "graph", ExecutionState(state), instances, metrics, "", error=error, unprocessed=sum(unprocessed)
    )


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_what_an_end_left_unprocessed_is_one_warning(state: str) -> None:
    """It has the sum and the numbers of at most twenty nodes; an end that left nothing has no such line."""
    stream, observer = io.StringIO(), LoggingObserver()
    start_logging("info", "json", stream)
    observer.state_changed(_ended(state))
    observer.state_changed(_ended(state, 0, 5, 990))
    observer.state_changed(_ended(state, *range(1, 31)))
    first, second = _lines(stream, "messages unprocessed")
    assert (first["level"], first["execution"], first["state"]) == ("warning", "exec", state)
    assert (first["count"], first["nodes"]) == (995, {"n2": 990, "n1": 5})
    assert (second["count"], len(second["nodes"]), min(second["nodes"].values())) == (465, 20, 11)
    assert observer.unprocessed == 995 + 465
