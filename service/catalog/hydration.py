"""The catalog's graphs in this runtime: loaded when they are published, replaced when they change, gone with them.

A graph that changed is loaded beside the old one, started where its role asks for it, and only then is the old one
unloaded: it gives up its place at once, and its executions drain. What its components keep goes on in the new one
(docs/decisions/0162). If the new one is refused the old one stays, for an old pipeline is better than none, and
the log and the counts say so; unless the graph has another owner now. A graph that was refused is tried again,
ever more rarely, because what it lacked may come; in each round where that is a component, whose file may have
been uploaded by now. One bad graph is in the way of no other (docs/decisions/0072).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec
import structlog
import trio

from engine.compile.fields import without_unknown
from engine.cooperative.slices import in_slices
from engine.documents.problem_report import listed
from engine.errors import EngineError, GraphNotFoundError, InvalidGraphError
from engine.runtime import Runtime
from service.catalog.graphs import PublishedGraph, plan
from service.catalog.supervisor import keep_running
from service.siblings.backoff import Backoff

RETRY_SECONDS = 10.0
"""The first wait before a refused graph is tried again; it doubles."""

LONGEST_RETRY_SECONDS = 600.0
"""The longest one. What a graph lacked has come from people, mostly."""

_LACKS = frozenset(
    {"node.unknown_component", "node.component_unavailable", "node.no_manifest", "node.unknown_graph"}
)

log = structlog.get_logger("catalog")


class _Held(msgspec.Struct):
    """The state of one published graph: what was asked for last, and what is there."""

    graph: PublishedGraph
    loaded: PublishedGraph | None = None
    graph_id: str = ""
    backoff: Backoff | None = None
    retry_at: float = 0.0


class Hydration:
    """The keeper of what is loaded here of the catalog's graphs.

    Args:
        runtime: where they are loaded.
        nursery: in which executions are kept running.
        random: chance, for the waits.
        is_automatic: whether roles are executed at all.
    """

    def __init__(
        self, runtime: Runtime, nursery: trio.Nursery, random: Callable[[], float], *, is_automatic: bool
    ) -> None:
        self._runtime = runtime
        self._nursery = nursery
        self._random = random
        self._is_automatic = is_automatic
        self._held: dict[str, _Held] = {}
        self._starting: set[str] = set()

    def held(self) -> list[PublishedGraph]:
        """Return the graphs as they are published now, the refused ones among them."""
        return [held.graph for held in self._held.values()]

    def starting(self) -> int:
        """Return the number of graphs that are loaded and to be executed, and have not been yet."""
        return len(self._starting)

    def loaded(self) -> list[PublishedGraph]:
        """Return the graphs that are loaded, each in the loaded revision, without those unloaded by hand."""
        there = {graph.id for graph in self._runtime.library.graphs()}
        return [held.loaded for held in self._held.values() if held.loaded is not None and held.graph_id in there]

    def refused(self) -> int:
        """Return the number of graphs that could not be loaded as they are published now."""
        return sum(held.loaded is not held.graph for held in self._held.values())

    async def reconcile(self, published: Sequence[PublishedGraph], *, is_complete: bool) -> None:
        """Make what is loaded what is published.

        Args:
            published: each resource once.
            is_complete: whether that is all of it.
        """
        revisions = {resource_id: held.graph.revision for resource_id, held in self._held.items()}
        todo = plan(published, revisions, is_complete=is_complete)
        for resource_id in todo.unload:
            held = self._held.pop(resource_id)
            log.info("graph gone", graph=held.graph.key)
            self._nursery.start_soon(self._unload, held.graph_id)  # it drains, and nobody waits for that
        for graph in todo.load:
            held = self._held.setdefault(graph.resource_id, _Held(graph))
            held.graph, held.backoff = graph, None
            await self._load(held)
        for held in self._due(todo.load):
            await self._load(held)

    def _due(self, just_tried: Iterable[PublishedGraph]) -> list[_Held]:
        """Refused graphs whose time has come again."""
        tried = {graph.resource_id for graph in just_tried}
        now = trio.current_time()
        return [
            held
            for resource_id, held in self._held.items()
            if held.loaded is not held.graph and held.retry_at <= now and resource_id not in tried
        ]

    async def _load(self, held: _Held) -> None:
        graph = held.graph
        try:
            definition, left_out = await in_slices(without_unknown(graph.definition))
            if left_out and held.backoff is None:
                log.warning("unknown fields of a graph ignored", graph=graph.key, fields=listed(left_out))
            loaded = await self._runtime.library.load_graph(
                definition, owner=graph.org_id, by="catalog", is_kept=False
            )
        except EngineError as error:
            is_first = held.backoff is None
            held.backoff = held.backoff or self._patience(RETRY_SECONDS, LONGEST_RETRY_SECONDS)
            held.retry_at = trio.current_time() + (0.0 if _may_come(error) else held.backoff.next_seconds())
            tell = log.warning if is_first else log.debug
            tell("graph refused", graph=graph.key, reason=str(error)[:1000])
            if held.loaded is not None and held.loaded.org_id != graph.org_id:
                self._nursery.start_soon(self._unload, held.graph_id)
                held.loaded, held.graph_id = None, ""
            return
        log.info("graph loaded", graph=graph.key, id=loaded.id, replaced=bool(held.graph_id))
        old_id, is_same_owner = held.graph_id, held.loaded is not None and held.loaded.org_id == graph.org_id
        held.loaded, held.graph_id = graph, loaded.id
        if self._is_automatic and graph.is_automatic:  # until its graph is gone, and then by itself no more
            self._starting.add(loaded.id)
            heritage = self._runtime.heritage(old_id) if is_same_owner else None
            self._nursery.start_soon(
                keep_running,
                self._runtime,
                loaded.id,
                graph.key,
                self._patience(),
                partial(self._begun, loaded.id, old_id),
                heritage,
            )
        elif old_id:
            self._nursery.start_soon(self._unload, old_id)

    def _begun(self, graph_id: str, old_id: str) -> None:
        """Let the old revision go now that the new one runs, or has failed to; called for each attempt."""
        if graph_id in self._starting:
            self._starting.discard(graph_id)
            if old_id:
                self._nursery.start_soon(self._unload, old_id)

    async def _unload(self, graph_id: str) -> None:
        try:
            await self._runtime.unload_graph(graph_id, drain=True)
        except GraphNotFoundError:
            return  # it never came, or somebody has unloaded it by hand

    def _patience(self, first_seconds: float = 1.0, longest_seconds: float = 30.0) -> Backoff:
        return Backoff(self._random, first_seconds=first_seconds, longest_seconds=longest_seconds)


def _may_come(error: EngineError) -> bool:
    """Return whether all that a graph lacks are components, which come without a word."""
    return isinstance(error, InvalidGraphError) and {problem.code for problem in error.problems} <= _LACKS
