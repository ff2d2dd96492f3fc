"""The shares of one owner in a runtime that others use too: graphs, components, executions, bytes per second.

The engine does not know who an owner is; it is a name that the service gives, and "" where nobody asks. What is
counted lives in the runtime and is asked for at the moment of the check, so no count can drift from the truth.
The rate of injected bytes is a token bucket with debt: an injection passes while there is credit, whatever its
size, and the next one waits until the debt is paid. So a message larger than a second's worth is not refused for
ever, and over time nobody gets more than their rate.
"""

import math
from collections.abc import Iterable

import trio

from engine.errors import InjectionRateError, QuotaError
from engine.limits import EngineLimits
from engine.token_bucket import TokenBucket

UNOWNED = ""
"""The owner of what was made while nobody was asked who they are."""

BUCKETS_KEPT = 10_000
"""Owners whose rate is remembered at once; beyond it those with full credit are forgotten: nothing changes."""


class Quotas:
    """The checks of one runtime. A bound of 0 is none."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._buckets: dict[str, TokenBucket] = {}  # owner: bytes

    def check_graphs(self, present: int, more: int = 1) -> None:
        """Refuse more graphs than an owner may have.

        Raises:
            QuotaError: they may not.
        """
        limit = self._limits.owner_graphs
        if more > 1 and limit and present + more > limit:
            coming = f"There are {present} graphs here, {more} more are to come, and {limit} are allowed"
            raise QuotaError(f"{coming}; unload some first")
        _check("graphs", present, limit, "unload one first")

    def check_components(self, present: int) -> None:
        """Refuse one component more than an owner may have.

        Raises:
            QuotaError: they may not.
        """
        _check("components", present, self._limits.owner_components, "use one of those")

    def check_executions(self, present: int) -> None:
        """Refuse one execution under way more than an owner may have.

        Raises:
            QuotaError: they may not.
        """
        _check("executions under way", present, self._limits.owner_executions, "stop one first")

    def spend(self, owner: str, sizes_bytes: Iterable[int]) -> None:
        """Take the sizes of injected values from their owner's credit; none at all cost nothing.

        Raises:
            InjectionRateError: earlier injections have used it up; says when to come back. Nothing was taken.
        """
        rate = self._limits.owner_bytes_per_second
        if not rate:
            return
        size_bytes = sum(sizes_bytes)
        if not size_bytes:
            return
        now = trio.current_time()
        bucket = self._buckets.get(owner)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_KEPT:
                self._buckets = {each: kept for each, kept in self._buckets.items() if kept.fill(now) < rate}
            bucket = self._buckets[owner] = TokenBucket(rate)
        credit = bucket.fill(now)
        if credit <= 0:
            raise InjectionRateError(rate, max(1, math.ceil((1 - credit) / rate)))
        bucket.left = credit - size_bytes


def _check(things: str, present: int, limit: int, remedy: str) -> None:
    if limit and present >= limit:
        raise QuotaError(f"There are {present} {things} here, and {limit} are allowed; {remedy}")
