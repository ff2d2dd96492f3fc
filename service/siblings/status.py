"""The state of the services beside this one: what operators read in health, totals and metrics.

    siblings = Siblings(clock)                       # one board for the service; Readiness carries it
    status = siblings.add("catalog")                 # once, by whoever speaks to that sibling
    status.succeeded()                               # after each answer that made sense
    status.failed("no answer within 10 s", retry_in_seconds=wait)   # after each that did not, before waiting

``GET /health/ready`` shows each sibling as a check, ``GET /api/stats`` as a report, ``GET /metrics`` as
``symbia_sibling_*``. A sibling that is down does not make the service unready, unless it was added as required.
The log tells changes only, not every attempt. Reasons are shown to everybody: give no addresses and no secrets.
"""

from collections.abc import Callable
from typing import Literal

import msgspec
import structlog
import trio

from engine.wall_clock import WallClock, timestamp_of

SiblingState = Literal["unknown", "up", "down"]

REASON_CHARACTERS = 300
"""Characters of a reason that is kept. A sibling's own words may be pages."""

log = structlog.get_logger("siblings")


class SiblingReport(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One sibling at this moment. Times are ISO 8601 in UTC.

    Attributes:
        name: such as ``catalog``.
        state: ``unknown`` until it was tried.
        since: when it came into this state.
        attempts: how often it was tried.
        failures: how many of those failed.
        failures_in_row: how many failed since it last answered.
        last_error: why it failed last, for people; kept when it is up again.
        last_error_at: the time of that.
        next_try_at: when it is tried again, while it is down.
        counts: what has become of what it is there for, by a fixed name each, such as ``graphsLoaded``.
    """

    name: str
    state: SiblingState
    since: str
    attempts: int
    failures: int
    failures_in_row: int = 0
    last_error: str = ""
    last_error_at: str = ""
    next_try_at: str = ""
    counts: dict[str, int] = {}


class SiblingStatus:
    """The state of one sibling, as far as it is known. Made by :meth:`Siblings.add`; whoever speaks to the sibling
    writes it.

    Attributes:
        name: such as ``catalog``.
        is_required: whether the service is not ready while it is not up.
        delay: why the service is not ready yet on its account; "" where it is.
    """

    def __init__(self, name: str, clock: WallClock, *, is_required: bool) -> None:
        self.name = name
        self.is_required = is_required
        self.delay: Callable[[], str] = str
        self._clock = clock
        self._report = SiblingReport(name=name, state="unknown", since=clock.timestamp(), attempts=0, failures=0)

    @property
    def is_up(self) -> bool:
        """True where its last answer made sense."""
        return self._report.state == "up"

    def report(self) -> SiblingReport:
        """Return everything that is known, frozen."""
        return self._report

    def succeeded(self) -> None:
        """Note that it answered, sensibly."""
        before = self._report
        self._change(state="up", attempts=before.attempts + 1, failures_in_row=0, next_try_at="")
        if before.state != "up":
            log.info("sibling up", sibling=self.name, failures=before.failures_in_row)

    def failed(self, reason: str, *, retry_in_seconds: float | None = None) -> None:
        """Note that it did not answer, or not sensibly.

        Args:
            reason: the reason, for people; without addresses and secrets.
            retry_in_seconds: how long until it is tried again, where that is known.
        """
        before, reason = self._report, reason[:REASON_CHARACTERS]
        self._change(
            state="down",
            attempts=before.attempts + 1,
            failures=before.failures + 1,
            failures_in_row=before.failures_in_row + 1,
            last_error=reason,
            last_error_at=self._clock.timestamp(),
            next_try_at="" if retry_in_seconds is None else self._timestamp_in(retry_in_seconds),
        )
        tell = log.debug if before.state == "down" else log.warning
        tell("sibling down", sibling=self.name, reason=reason, retry_in_seconds=retry_in_seconds)

    def count(self, **counts: int) -> None:
        """Tell how many there are of something, now; names are few and fixed, because they become labels."""
        self._report = msgspec.structs.replace(self._report, counts={**self._report.counts, **counts})

    def _change(self, *, state: SiblingState, **fields: object) -> None:
        since = self._report.since if state == self._report.state else self._clock.timestamp()
        self._report = msgspec.structs.replace(self._report, state=state, since=since, **fields)

    def _timestamp_in(self, seconds: float) -> str:
        moment_ms = self._clock.milliseconds_at(trio.current_time() + seconds)
        return timestamp_of(moment_ms / 1000)


class Siblings:
    """All siblings that are configured, in the order in which they were added; empty for a runtime on its own."""

    def __init__(self, clock: WallClock | None = None) -> None:
        self._clock = clock or WallClock()
        self._statuses: dict[str, SiblingStatus] = {}

    def add(self, name: str, *, is_required: bool = False) -> SiblingStatus:
        """Add a status for one more sibling, unknown so far; one of the same name is replaced."""
        status = SiblingStatus(name, self._clock, is_required=is_required)
        self._statuses[name] = status
        return status

    def status(self, name: str) -> SiblingStatus:
        """Return the status of a sibling that was added; KeyError where none of this name was."""
        return self._statuses[name]

    def reports(self) -> tuple[SiblingReport, ...]:
        """All of them at this moment."""
        return tuple(status.report() for status in self._statuses.values())

    def delays(self) -> dict[str, str]:
        """Return why the service is not ready yet, by the names of the siblings on whose account it is not."""
        told = {name: status.delay() for name, status in self._statuses.items()}
        return {name: reason for name, reason in told.items() if reason}

    def missing(self) -> tuple[SiblingReport, ...]:
        """Return the reports of those that are required and not up."""
        return tuple(
            status.report() for status in self._statuses.values() if status.is_required and not status.is_up
        )
