"""Graphs and executions by what people type: an id, its beginning, or the name of the graph."""

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from engine.execution.lifecycle import TERMINAL
from proto.execution import ExecutionState
from service.cli.remote.client import ServiceClient, ServiceError, ShownProblem
from service.cli.remote.tables import age_of, short

LEAST_ID_CHARACTERS = 4
"""Fewer characters of an id would meet too many by chance."""

SHOWN_CANDIDATES = 5

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class SeenGraph(msgspec.Struct, frozen=True, rename="camel"):
    """A graph in the list, or in the reply to its loading, as far as it is shown."""

    id: str
    name: str
    version: str
    node_count: int = 0
    edge_count: int = 0
    loaded_at: str = ""
    version_number: int = 1
    warnings: tuple[ShownProblem, ...] = ()

    @property
    def line(self) -> str:
        """The graph as one of several that might be meant."""
        return f"{self.id}  {self.name} {self.version}, loaded {age_of(self.loaded_at)} ago"


class SeenCounters(msgspec.Struct, frozen=True, rename="camel"):
    """The counters of an execution in the list, as far as they are shown."""

    messages_processed: int = 0
    error_count: int = 0


class SeenExecution(msgspec.Struct, frozen=True, rename="camel"):
    """An execution in the list, as far as it is shown; the list has the oldest first."""

    id: str
    graph_id: str
    state: ExecutionState
    created_at: str = ""
    metrics: SeenCounters = SeenCounters()

    @property
    def line(self) -> str:
        """The execution as one of several that might be meant."""
        return f"{self.id}  {self.state.value}, made {age_of(self.created_at)} ago"

    @property
    def is_live(self) -> bool:
        """True until it has ended."""
        return self.state not in TERMINAL


Seen = TypeVar("Seen", SeenGraph, SeenExecution)


async def list_graphs(client: ServiceClient) -> list[SeenGraph]:
    """List the loaded graphs, oldest first."""
    return [client.decode(entry, SeenGraph) for entry in await client.entries("/api/graphs", "graphs")]


async def list_executions(client: ServiceClient, **filters: str) -> list[SeenExecution]:
    """List executions, oldest first."""
    entries = await client.entries("/api/executions", "executions", **filters)
    return [client.decode(entry, SeenExecution) for entry in entries]


async def find_graph(client: ServiceClient, text: str) -> SeenGraph:
    """Find the graph that is meant: by id, by name (of several the newest), or by the beginning of either.

    Raises:
        ServiceError: none is meant, or several may be.
    """
    graphs = await list_graphs(client)
    return meant_graph(graphs, text) or _one([], text, "graph", "graphs")


async def find_execution(client: ServiceClient, text: str) -> str:
    """Find the execution that is meant: by id, by its beginning, or by its graph, of which it is the newest.

    Of the executions of a graph, those that have not ended go before those that have.

    Raises:
        ServiceError: none is meant, or several may be.
    """
    if _UUID.fullmatch(text):
        return text
    executions = await list_executions(client)
    found = [each for each in executions if _begins(each.id, text)]
    if found:
        return _one(found, text, "execution", "executions").id
    graphs = await list_graphs(client)
    graph = meant_graph(graphs, text)
    if graph is None:
        return _one(found, text, "execution", "executions").id
    named = {each.id for each in graphs if each.name == graph.name}
    of_graph = [each for each in executions if each.graph_id in named]
    if not of_graph:
        raise ServiceError(f"{graph.name} has no execution; `symbia-runtime execute {short(graph.id)}` starts one")
    return max(of_graph, key=lambda each: (each.is_live, each.created_at)).id


def meant_graph(graphs: Sequence[SeenGraph], text: str) -> SeenGraph | None:
    """Return the graph that is meant; None where there is none.

    Raises:
        ServiceError: several may be.
    """
    if named := [each for each in graphs if text in {each.id, each.name, slug(each.name)}]:
        return named[-1]
    found = [each for each in graphs if _begins(each.id, text) or _is_named(each.name, text)]
    if len({each.name for each in found}) == 1:
        return found[-1]
    return _one(found, text, "graph", "graphs") if found else None


def _begins(identifier: str, text: str) -> bool:
    return len(text) >= LEAST_ID_CHARACTERS and identifier.startswith(text)


def _is_named(name: str, text: str) -> bool:
    return bool(text) and (name.casefold().startswith(text.casefold()) or slug(name).startswith(text))


def slug(name: str) -> str:
    """Return a name as a shell takes it without quotes: ``Simple Pipeline`` is ``simple-pipeline``."""
    return "-".join(re.findall(r"\w+", name.casefold())) or name


def _one(found: Sequence[Seen], text: str, kind: str, verb: str) -> Seen:
    """Return the only one that was found.

    Raises:
        ServiceError: there is none, or there are several.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise ServiceError(f"No {kind} has the id or the name {text!r}; `symbia-runtime {verb}` lists them")
    lines: list[str] = [f"  {each.line}" for each in found[-SHOWN_CANDIDATES:]]
    more: list[str] = [f"  and {len(found) - SHOWN_CANDIDATES} more"] if len(found) > SHOWN_CANDIDATES else []
    raise ServiceError("\n".join([f"{text!r} may mean any of these; write more of its id:", *lines, *more]))
