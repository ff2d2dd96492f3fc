"""Logs: one line for each event on standard error, as JSON for machines or coloured text for people."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any, TextIO, cast

import structlog
import trio

from engine.contracts.handler import HandlerError, LogLine
from engine.contracts.observer import ExecutionObserver
from engine.execution.lifecycle import TERMINAL
from proto.edge import DropReason
from proto.execution import ExecutionSnapshot, ExecutionState
from service.documents.printable import printable
from service.observability.log_stream import UnblockedStream
from service.settings.observability import LogFormat

log = structlog.get_logger("executions")

DROPS_SECONDS = 1.0
"""Seconds between two warnings of messages that one node drops: it may drop thousands a second."""

NODES_TOLD = 20
"""Nodes whose unprocessed messages are told in one line, those with most first."""


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
    """An observer that logs what happens in executions: this is where an operator sees what a graph logs.

    Attributes:
        unprocessed: messages that were accepted and not finished, of all executions that have ended.
    """

    def __init__(self) -> None:
        self.unprocessed = 0
        self._drops: Counter[tuple[str, str, DropReason]] = Counter()  # not told yet
        self._has_drops = trio.Event()

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        if execution.state in TERMINAL:
            self._tell_drops([key for key in self._drops if key[0] == execution.id])
        if execution.state == ExecutionState.FAILED and execution.error is not None:
            error = execution.error
            known = {"value": error.value, "stack_trace": error.stack}
            more = {name: text for name, text in known.items() if text}
            log.error("execution failed", execution=execution.id, node=error.node_id, error=error.message, **more)
        else:
            log.info("execution state", execution=execution.id, state=execution.state.value)
        if execution.unprocessed:
            self._tell_unprocessed(execution)

    def _tell_unprocessed(self, execution: ExecutionSnapshot) -> None:
        """Warn of an end that has left accepted messages unprocessed, and where they were."""
        self.unprocessed += execution.unprocessed
        by_node = Counter({each.node_id: each.unprocessed for each in execution.instances if each.unprocessed})
        told = {"state": execution.state.value, "nodes": dict(by_node.most_common(NODES_TOLD))}
        log.warning("messages unprocessed", execution=execution.id, count=execution.unprocessed, **told)

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        write = getattr(log, {"warn": "warning"}.get(line.level, line.level), log.info)
        meta = {} if line.meta is None else {"meta": line.meta.decode("utf-8", "replace")}
        write("component log", execution=execution_id, node=node_id, message=line.message, **meta)

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        text = f"{error.name}: {error.message}"
        more = {"stack_trace": error.stack} if error.stack else {}
        log.warning("invocation failed", execution=execution_id, node=node_id, error=text, **more)

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        self._drops[execution_id, node_id, reason] += count
        self._has_drops.set()

    async def warn_of_drops(self) -> None:
        """Warn of dropped messages, of each node and reason once in ``DROPS_SECONDS``, until cancelled."""
        while True:
            await self._has_drops.wait()
            await trio.sleep(DROPS_SECONDS)
            self._has_drops = trio.Event()
            self._tell_drops(list(self._drops))

    def _tell_drops(self, keys: Iterable[tuple[str, str, DropReason]]) -> None:
        for key in keys:
            execution_id, node_id, reason = key
            count = self._drops.pop(key)
            log.warning("messages dropped", execution=execution_id, node=node_id, count=count, reason=reason)


def _console(*, colours: bool) -> Any:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _to_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    """Return one line of ASCII: what untrusted code logs can neither end it nor steer a terminal that shows it."""
    first = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, default=str).replace("\x7f", "\\u007f")


def _escape_controls(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make what is not printable visible, so that what untrusted code logs cannot steer an operator's terminal."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = printable(value)
    return event
