"""``python -m tests.engine.compile.differential --graphs 5000``: random graphs, nested and flat, do the same.

A seed decides a graph, how it is nested, which of its parts are used by name, and what is injected.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

import hypothesis  # noqa: F401 - being imported, it makes Trio's scheduler draw from a source that can be seeded
import msgspec
import trio
import trio.testing

from engine.compile.compiler import ReadGraph, compile_read, read_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.parts import FoundDocument
from engine.compile.version_ranges import Range
from engine.contracts.observer import FlowObserver
from engine.cooperative.slices import use_computing_clock
from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.message import Injection, Lane
from tests.engine.handlers import Journal, components
from tests.nesting import draw_paths, nested, renamed, written_out

LIMITS = EngineLimits()
MOST_NODES = 14
LANES: tuple[Lane, ...] = ("canonical", "canonical", "apocryphal")
KINDS = ("forward", "forward", "forward", "throw", "fan", "hold", "lane")


class Shelf:
    """A finder of the graphs that a nested one uses by name."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = count()
        self._graphs: dict[str, dict[str, Any]] = {}

    def use(self, graph: dict[str, Any]) -> dict[str, Any]:
        """Use a graph: written out, or by a name; one that is the same as another has its name."""
        if self._random.random() < 0.5:
            return written_out(graph)
        same = [name for name, known in self._graphs.items() if known == graph]
        name = same[0] if same else f"part {next(self._numbers)}"
        self._graphs[name] = graph
        return {"component": f"graph:{name}{self._random.choice(('', '@1', '@^1.0', '@*'))}"}

    async def find(self, name: str, versions: Range) -> FoundDocument:
        """Return the graph of a name, as a document of its own."""
        assert versions.includes("1.0.0")
        return FoundDocument({"symbia": "1.0", "name": name, **self._graphs[name]})


def draw_graph(random: Random) -> dict[str, Any]:
    """A flat graph whose ids are paths."""
    nodes = [f"n{index}" for index in range(random.randint(1, MOST_NODES))]
    edges: dict[tuple[str, str, str], str] = {}
    for low, source in enumerate(nodes[:-1]):
        for _ in range(random.choice((0, 1, 1, 2))):
            target = nodes[random.randint(low + 1, min(len(nodes) - 1, low + 5))]
            edges[source, random.choice(("out", "out", "error")), target] = random.choice(("in", "other"))
    document = {
        "symbia": "1.0",
        "name": "A graph",
        "nodes": [_draw_node(random, node) for node in nodes],
        "edges": [
            {"source": {"node": source, "port": port}, "target": {"node": target, "port": into}}
            for (source, port, target), into in edges.items()
        ],
        "metadata": {"role": "service"} if random.random() < 0.8 else {},
    }
    return renamed(document, draw_paths(random, nodes))


def _draw_node(random: Random, node: str) -> dict[str, Any]:
    kind = random.choice(KINDS)
    config: dict[str, Any] = {}
    if kind == "throw":
        config = {"at": [random.randint(0, 3), random.randint(0, 3)]}
    elif kind == "fan":
        config = {"copies": random.randint(0, 2)}
    fields: dict[str, Any] = {"id": node, "component": kind, "config": config}
    if random.random() < 0.6:
        fields["onError"] = random.choice(("continue", "continue", "retry"))
        if fields["onError"] == "retry":
            fields["retry"] = {"maxAttempts": random.choice((2, 3)), "backoffMs": 10}
            config["times"] = random.choice((1, 5))  # elsewhere which of two equal values fails is anybody's guess
    return fields


class Leaving(FlowObserver):
    """Counts what leaves a graph, by port, value and lane."""

    hears_hops = False

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str, bytes, int]] = Counter()

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self.seen[node_id, port, value, lane] += 1

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self.seen[node_id, f"{port}, not emitted", value, lane] += 1


class Outcome(msgspec.Struct, frozen=True):
    """Everything about a graph, and a run of it, that does not hang on the order of independent things."""

    nodes: dict[str, Any]
    edges: frozenset[tuple[str, str]]
    levels: tuple[frozenset[str], ...]
    has_lanes: bool
    is_long_lived: bool
    state: str
    work: Counter[tuple[str, str, str]]
    left: Counter[tuple[str, str, bytes, int]]
    failures: dict[str, tuple[int, int]]


async def _live(graph: LoadedGraph, journal: Journal, injected: Sequence[Injection]) -> Outcome:
    use_computing_clock(lambda: 0.0)
    execution = Execution(
        execution_id="x",
        graph=graph,
        limits=LIMITS,
        completion="manual",
        timeout_ms=0,
        clock=WallClock(trio.current_time),
        observers=(),
    )
    leaving = Leaving()
    execution.add_flow_observer(leaving)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(execution.run)
        await execution.started.wait()
        await execution.inject(await locate(graph, injected, LIMITS), final=True)
        await execution.finished.wait()
    snapshot = execution.snapshot()
    is_whole = snapshot.state == "completed"
    return Outcome(
        {node.id: (node.definition, node.capacity, node.overflow, node.lanes) for node in graph.nodes},
        frozenset((str(edge.source), str(edge.target)) for edge in graph.edges),
        tuple(map(frozenset, graph.topology.levels)),
        graph.has_lanes,
        graph.is_long_lived,
        snapshot.state,
        Counter((e.node, e.what, repr(e.value)) for e in journal.entries if is_whole),
        leaving.seen if is_whole else Counter(),
        {each.node_id: (each.metrics.messages_emitted, each.metrics.error_count) for each in snapshot.instances}
        if is_whole
        else {},
    )


async def _outcome(read: ReadGraph, injected: Sequence[Injection]) -> Outcome:
    journal = Journal()
    graph = await compile_read(read, components(journal), LIMITS, lambda: "now")
    return await _live(graph, journal, injected)


async def _compare(seed: int) -> str:
    random = Random(seed)
    flat = draw_graph(random)
    shelf = Shelf(random)
    document = nested(flat, random, shelf.use)
    nodes = [node["id"] for node in flat["nodes"]]
    injected = [
        Injection(random.choice(nodes), "in", msgspec.Raw(b"%d" % random.randint(0, 4)), random.choice(LANES))
        for _ in range(8)
    ]
    alone = await _outcome(await read_graph(flat, LIMITS, shelf), injected)
    together = await _outcome(await read_graph(document, LIMITS, shelf), injected)
    differing = [name for name in Outcome.__struct_fields__ if getattr(alone, name) != getattr(together, name)]
    return "".join(f"\n  {name}: {getattr(alone, name)} and {getattr(together, name)}" for name in differing)


def difference(seed: int) -> str:
    """What a seed's graph does differently when it is nested; "" for nothing."""
    return trio.run(_compare, seed, clock=trio.testing.MockClock(autojump_threshold=0))


def main() -> int:
    """Compare as many graphs as asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.compile.differential", description=__doc__)
    parser.add_argument("--graphs", type=int, default=5000, help="how many graphs (5000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    arguments = parser.parse_args()
    began = time.monotonic()
    bad = 0
    for seed in range(arguments.first, arguments.first + arguments.graphs):
        found = difference(seed)
        if found:
            bad += 1
            sys.stdout.write(f"seed {seed}:{found}\n")
    sys.stdout.write(f"{arguments.graphs} graphs, {time.monotonic() - began:.0f} s: {bad} differ\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
