"""The person who changes a simulated execution while it runs: components, the graph's shape, and back again.

What they do is drawn from a source of its own, so that the plan of a seed is the same with and without them.
"""

from random import Random
from typing import Any

import msgspec
import trio

from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.recompose import recompose
from engine.compile.template import NOTHING_FILLED
from engine.contracts.surroundings import NOTHING_AROUND
from engine.errors import ConflictError
from engine.execution.execution import Execution
from engine.execution.revisions import Revision
from engine.reload.reloader import Reloader
from proto.reload import CanaryTerms, Consistency, ReloadRequest
from tests.simulation.ledger import Ledger
from tests.simulation.parts import parts
from tests.simulation.plan import Plan

EXTRA = "an extra one"
"""A node without edges, which comes and goes: the indices of all others change with it."""

FAITHFUL = frozenset({"fast", "slow", "flood", "aside"})
"""Parts that can be tried: they keep nothing, and fail on nothing, so that no message is handed over twice."""


class Changer:
    """The person.

    Args:
        plan: of the run.
        ledger: told by the components.
        execution: what they change.
        document: of the graph that it began with, as it is loaded.
    """

    def __init__(self, plan: Plan, ledger: Ledger, execution: Execution, document: dict[str, Any]) -> None:
        self._plan = plan
        self._ledger = ledger
        self._execution = execution
        self._document = document
        self._random = Random(plan.seed + 1_000_003)
        self._has_extra = False
        self.changes = 0
        self._next: Revision | None = None
        self._reloader = Reloader(execution, self._find)

    async def run(self) -> None:
        """Change the execution a few times, at random moments."""
        for _ in range(self._random.choice((0, 2, 5, 12))):
            await trio.sleep(self._random.choice((0.0, 0.01, 0.1, 0.5, 2.0)))
            try:
                if self._random.random() < 0.2:
                    report = await self._reloader.roll_back()
                else:
                    report = await self._change()
            except ConflictError as error:
                self._ledger.trace.append(f"no change: {type(error).__name__}")
            else:
                self.changes += 1
                self._ledger.trace.append(f"change {report.number} is {report.state}: {report.reason}")

    async def _change(self) -> Any:
        random = self._random
        present = self._execution.revisions.present
        used = sorted({node.component.definition.id for node in present.graph.nodes})
        wanted = random.sample(used, random.randint(1, len(used)))
        has_extra = random.random() < 0.3
        consistency: Consistency = random.choice(("message", "none"))
        canary = None
        if has_extra == self._has_extra and random.random() < 0.2:
            wanted = [each for each in wanted if each in FAITHFUL]
            canary = CanaryTerms(messages=random.choice((1, 5, 50)))
        self._next = await self._made(wanted, has_extra=has_extra)
        report = await self._reloader.reload(ReloadRequest(consistency=consistency, canary=canary))
        self._has_extra = self._execution.graph.node(EXTRA) is not None
        return report

    async def _find(self, request: ReloadRequest) -> Revision:
        del request
        assert self._next is not None
        return self._next

    async def _made(self, wanted: list[str], *, has_extra: bool) -> Revision:
        """The present graph with other components of these kinds, and with or without the extra node."""
        execution, plan = self._execution, self._plan
        fresh = parts(self._ledger, Random(plan.seed), diverging=plan.seed % 4 == 1)
        fresh = {kind: component for kind, component in fresh.items() if kind in wanted}
        present = execution.revisions.present
        components = {node.definition.component: node.component for node in present.graph.nodes}
        graph: LoadedGraph
        if has_extra == self._has_extra:
            graph = await recompose(present.graph, fresh, {}, plan.limits, execution.timestamp, NOTHING_AROUND)
        else:
            every = parts(self._ledger, Random(plan.seed), diverging=plan.seed % 4 == 1)
            document = dict(self._document)
            if has_extra:
                extra = {"id": EXTRA, "component": "fast", "config": {"pad": 0}}
                document["nodes"] = [extra, *document["nodes"]]
            graph = await compile_graph(
                document, {**every, **components, **fresh}, plan.limits, execution.timestamp
            )
        graph = msgspec.structs.replace(graph, id=present.graph.id)
        return Revision(graph, NOTHING_FILLED, graph)
