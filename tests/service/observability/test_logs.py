"""Log lines: JSON for machines, text for people, and neither can be forged by what is logged."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts.handler import HandlerError, LogLine
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
