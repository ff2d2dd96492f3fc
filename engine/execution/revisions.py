"""The revisions of one execution: what it runs, what it ran before, and the changes between them."""

from collections.abc import Mapping
from typing import Any

import msgspec
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.compile.template import FilledGraph
from engine.contracts.component import Component
from engine.counters.counters import InstanceCounters
from engine.documents.mask import Mask
from proto.reload import ReloadReport

KEPT_REPORTS = 50
"""Reports of reloads that are kept of an execution; the oldest goes."""

KEPT_REVISIONS = 5
"""Revisions that an execution can be taken back to."""

GONE_COUNTERS = 100
"""Counters of removed nodes that are kept one by one; those of further ones count no more in the sums."""


class Revision(msgspec.Struct, frozen=True):
    """One state of what an execution runs.

    Attributes:
        graph: compiled.
        values: that are filled into it.
        written: the graph in the version that the changes begin from.
        components: that take the place of those of the version, by the name that nodes give them.
        configs: that take the place of those of the version, by the paths of nodes.
        numbers: of the versions of the components that its owner has made, by the names that nodes give them;
            not known of one that nothing has changed.
    """

    graph: LoadedGraph
    values: FilledGraph
    written: LoadedGraph
    components: Mapping[str, Component] = {}
    configs: Mapping[str, Mapping[str, Any]] = {}
    numbers: Mapping[str, int] = {}


class Revisions:
    """The revisions of one execution.

    Args:
        present: that it begins with.

    Attributes:
        number: of the present one, counted from 1.
        present: what it runs.
        untried: what it ran before the present one, while that is on trial.
        former: what it ran before, the last one last.
        reports: of the reloads, the last one last.
        gone: the counters of nodes that were removed.
        is_over: whether no change is taken any more.
        reloader: changes the execution; whoever asks first makes it.
    """

    def __init__(self, present: Revision) -> None:
        self.number = 1
        self.present = present
        self.untried: Revision | None = None
        self.former: list[Revision] = []
        self.reports: list[ReloadReport] = []
        self.gone: list[InstanceCounters] = []
        self.is_over = False
        self.reloader: object | None = None
        self._is_busy = False
        self._idle = trio.lowlevel.ParkingLot()
        self._readers = trio.lowlevel.ParkingLot()

    @property
    def is_busy(self) -> bool:
        """True while a change is under way."""
        return self._is_busy

    @property
    def kept(self) -> Revision:
        """The revision that outlives the process: one on trial does not."""
        return self.untried or self.present

    def begin(self) -> None:
        """Take note that a change begins; ``end`` must follow."""
        self._is_busy = True

    def end(self) -> None:
        """Take note that it is over."""
        self._is_busy = False
        self._idle.unpark_all()

    async def close(self) -> None:
        """Take no further change, and return when none is under way."""
        while self._is_busy:
            await self._idle.park()
        self.is_over = True

    def advance(self, following: Revision) -> None:
        """Let another revision be the present one; the last of the former ones is there no more as such."""
        if following is self.present:
            return
        if self.former and following is self.former[-1]:
            self.former = self.former[:-1]
        else:
            self.former = [*self.former, self.present][-KEPT_REVISIONS:]
        self.present = following
        self.number += 1

    def mask_with(self, following: Revision) -> Mask | None:
        """Return the mask of the secrets of the next revision and of those before it: values of both are there."""
        mask: Mask | None = None
        for each in (following, self.present, *self.former):
            if each.values.mask is not None:
                mask = each.values.mask.beside(mask)
        return mask

    def note(self, report: ReloadReport) -> None:
        """Keep a report, in the place of an earlier one of its number."""
        reports = [each for each in self.reports if each.number != report.number]
        self.reports = [*reports, report][-KEPT_REPORTS:]
        self._readers.unpark_all()

    async def changed(self) -> None:
        """Wait for the next report."""
        await self._readers.park()

    def bury(self, counters: InstanceCounters) -> None:
        """Keep the counters of a node that is removed."""
        self.gone = [*self.gone, counters][-GONE_COUNTERS:]
