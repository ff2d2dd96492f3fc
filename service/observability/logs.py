"""Logs: one line for each event on standard error, as JSON for machines or coloured text for people."""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from engine.contracts.handler import HandlerError, LogLine
from engine.contracts.observer import ExecutionObserver
from proto.execution import ExecutionSnapshot, ExecutionState
from service.observability.log_stream import UnblockedStream
from service.settings.observability import LogFormat

log = structlog.get_logger("executions")


def start_logging(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Send what this program and its libraries log to ``stream`` (standard error when not given)."""
    shown = sys.stderr if stream is None else stream
    is_terminal = shown.isatty()
    as_json = form == "json" or (form == "auto" and not is_terminal)
    target = cast("TextIO", UnblockedStream(shown)) if stream is None else shown
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,  # the trace id of the request that this is for
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: list[Any] = [_to_json] if as_json else [_escape_controls, _console(colours=is_terminal)]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


class LoggingObserver(ExecutionObserver):
    """An observer that logs what happens in executions: this is where an operator sees what a graph logs."""

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        if execution.state == ExecutionState.FAILED and execution.error is not None:
            error = execution.error
            known = {"value": error.value, "stack_trace": error.stack}
            more = {name: text for name, text in known.items() if text}
            log.error("execution failed", execution=execution.id, node=error.node_id, error=error.message, **more)
            return
        log.info("execution state", execution=execution.id, state=execution.state.value)

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        write = getattr(log, {"warn": "warning"}.get(line.level, line.level), log.info)
        meta = {} if line.meta is None else {"meta": line.meta.decode("utf-8", "replace")}
        write("component log", execution=execution_id, node=node_id, message=line.message, **meta)

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        text = f"{error.name}: {error.message}"
        more = {"stack_trace": error.stack} if error.stack else {}
        log.warning("invocation failed", execution=execution_id, node=node_id, error=text, **more)

    def dropped(self, execution_id: str, node_id: str, count: int) -> None:
        log.warning("messages dropped", execution=execution_id, node=node_id, count=count)


def _console(*, colours: bool) -> Any:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _to_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """Return one line of ASCII: what untrusted code logs can neither end it nor steer a terminal that shows it."""
    first = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, default=str).replace("\x7f", "\\u007f")


def _escape_controls(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make what is not printable visible, so that what untrusted code logs cannot steer an operator's terminal."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in value)
    return event
