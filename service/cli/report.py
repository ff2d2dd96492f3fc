"""Lines of ``run`` on standard error: errors as they come, progress while it runs, metrics at the end."""

import os
import stat
import sys
from collections import Counter
from collections.abc import Sequence

import trio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from engine.contracts.handler import HandlerError, LogLine
from engine.runtime import Runtime
from proto.execution import ExecutionSnapshot
from service.cli.runner import RunNotes
from service.cli.stdin import Lines
from service.documents.printable import printable

MAX_SHOWN_ERRORS = 20
"""Failed invocations that are shown one by one; the metrics count all."""

SHOWN_NAMES = 5

REFRESH_SECONDS = 0.1

_STYLES = {"warn": "yellow", "error": "red", "debug": "dim"}


class RunReport(RunNotes):
    """The report of a run to the person who started it.

    Args:
        console: standard error.
        verbose: whether every log line is shown, or only warnings and errors.
    """

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._errors = 0
        self._drops: Counter[str] = Counter()

    async def follow(self, runtime: Runtime, execution_id: str, lines: Lines | None) -> None:
        """Draw a bar until cancelled: bytes of the input where their number is known, else only counters."""
        if not self._console.is_terminal or sys.stdout.isatty():
            return  # output and progress on one terminal would overwrite each other
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, auto_refresh=False) as progress:
            task = progress.add_task("", total=_input_bytes() if lines is not None else None)
            while True:
                metrics = (await runtime.execution(execution_id).read_metrics()).metrics
                text = f"{metrics.messages_processed:,} processed, {metrics.error_count:,} errors"
                progress.update(task, description=text, completed=lines.bytes_read if lines is not None else 0)
                progress.refresh()
                await trio.sleep(REFRESH_SECONDS)

    def logged(self, node_id: str, line: LogLine) -> None:
        if self._verbose or line.level in {"warn", "error"}:
            self._say(f"{node_id}: {line.message}", _STYLES.get(line.level, ""))

    def invocation_failed(self, node_id: str, error: HandlerError) -> None:
        self._errors += 1
        if self._errors <= MAX_SHOWN_ERRORS:
            self._say(f"{node_id}: {error.name}: {error.message}", "red")
        elif self._errors == MAX_SHOWN_ERRORS + 1:
            self._say("Further errors are counted, and not shown", "red")

    def dropped(self, node_id: str, count: int) -> None:
        self._drops[node_id] += count

    def goes_on(self, source_ids: Sequence[str]) -> None:
        names = listed(source_ids)
        verb = "emit by themselves" if len(source_ids) > 1 else "emits by itself"
        self._say(f"{names} {verb}: it runs until Ctrl-C, or for --timeout SECONDS", "dim")

    def ended(self, execution: ExecutionSnapshot) -> None:
        """Show how the run ended, and its metrics."""
        metrics = execution.metrics
        table = Table.grid(padding=(0, 2))
        rows = {
            "state": execution.state.value,
            "messages processed": f"{metrics.messages_processed:,}",
            "messages emitted": f"{metrics.messages_emitted:,}",
            "errors": f"{metrics.error_count:,}",
            "dropped": self._dropped(),
            "latency": f"{metrics.avg_latency_ms:.3f} ms on average, {metrics.max_latency_ms:.3f} ms at most",
            "backpressure": f"{metrics.backpressure_events:,} events",
        }
        if execution.unprocessed:
            rows["unprocessed"] = _unprocessed(execution)
        for name, value in rows.items():
            table.add_row(Text(name, style="dim"), Text(value))
        self._console.print(table)
        if execution.error is not None:
            place = f" at node {execution.error.node_id}" if execution.error.node_id else ""
            self._say(f"Failed{place}: {execution.error.message}", "bold red")

    def hint(self, text: str) -> None:
        """Say what might be done otherwise."""
        self._say(text, "yellow")

    def complain(self, text: str) -> None:
        """Say what has gone wrong outside of the execution."""
        self._say(f"Error: {text}", "bold red")

    def _dropped(self) -> str:
        """Return how many messages were dropped, and by which nodes."""
        nodes = [f"{node_id} {count:,}" for node_id, count in self._drops.most_common()]
        return f"{self._drops.total():,}{f' ({listed(nodes)})' if nodes else ''}"

    def _say(self, text: str, style: str) -> None:
        """One line; control characters, which untrusted code may have put there, are made visible."""
        self._console.print(Text(printable(text), style=style), soft_wrap=True)


def listed(names: Sequence[str]) -> str:
    """Join names for people, not all of many."""
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _unprocessed(execution: ExecutionSnapshot) -> str:
    """Return how many accepted messages are not finished, and at which nodes they are, those with most first."""
    left = Counter({each.node_id: each.unprocessed for each in execution.instances if each.unprocessed})
    return (
        f"{execution.unprocessed:,} ({listed([f'{node_id} {count:,}' for node_id, count in left.most_common()])})"
    )


def _input_bytes() -> int | None:
    """Return the size of standard input when it is a file; None for a pipe or a terminal."""
    status = os.fstat(0)
    return status.st_size if stat.S_ISREG(status.st_mode) else None
