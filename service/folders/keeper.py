"""The keeper of what comes from files: loads it, keeps it as the files are, and tells what is wrong with them.

Each file is taken whole or not at all: where its new text is refused, what was loaded of it before stays. What
runs goes over to the new version without losing a message, as far as it can be changed while it runs.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from engine.cooperative.slices import in_slices
from engine.errors import EngineError, GraphNotFoundError, InvalidError
from engine.runtime import Runtime
from proto.problem import Finding, Problem
from proto.reload import ReloadedExecution
from service.catalog.graphs import AUTOMATIC_ROLES
from service.catalog.supervisor import keep_running
from service.documents.component_files import ComponentFile, is_code, read_folders
from service.documents.files import read_regular_file
from service.documents.kinds import kind_of
from service.documents.locating import locating
from service.documents.reading import DocumentError, decode_document_in_slices, format_of_file
from service.folders.listing import Stamp, list_files
from service.siblings.backoff import Backoff

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of the file of a graph: as much as a graph may have."""

TOLD_PROBLEMS = 5
"""Problems of one file that are told in the log."""

LOOK_SECONDS = 0.5
"""The time between two looks at the files."""

log = structlog.get_logger("files")


class FolderPlan(msgspec.Struct, frozen=True):
    """The folders of a service.

    Attributes:
        libraries: whose files are components.
        graphs: whose files are graphs.
        watches: whether what changes is loaded again.
    """

    libraries: tuple[Path, ...] = ()
    graphs: tuple[Path, ...] = ()
    watches: bool = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.libraries, *self.graphs)))


class _Held(msgspec.Struct):
    """The state of one file: the stamp of what was tried last, what is loaded, wrong, and told of that."""

    stamp: Stamp
    graph_id: str = ""
    name: str = ""
    problem: str = ""
    told: str = ""


class FileKeeper:
    """The keeper of the files of some folders.

    Args:
        runtime: where components and graphs are loaded.
        plan: the folders.
        nursery: in which executions are kept running.
        tell: is called with the number of files that are refused.
        chance: a number from 0 up to 1 at each call.
    """

    def __init__(
        self,
        runtime: Runtime,
        plan: FolderPlan,
        nursery: trio.Nursery,
        tell: Callable[[int], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._runtime = runtime
        self._plan = plan
        self._nursery = nursery
        self._tell = tell
        self._chance = chance
        self._files: Mapping[Path, Stamp] = {}
        self._components: dict[Path, ComponentFile] = {}
        self._graphs: dict[Path, _Held] = {}
        self._refused: dict[Path, str] = {}

    @property
    def refused(self) -> Mapping[Path, str]:
        """The files that are refused as they are now, each with the reason."""
        return {**self._refused, **{path: held.problem for path, held in self._graphs.items() if held.problem}}

    async def look(self) -> None:
        """Make what is loaded what the files are."""
        files = await list_files(self._plan.folders)
        before, self._files = self._files, files
        if files == before:
            return
        await self._take_components()
        await self._take_graphs(await list_files(self._plan.graphs))
        self._tell(len(self.refused))

    async def watch(self) -> None:
        """Look for ever; what is being written is left until it is quiet."""
        seen = self._files
        while True:
            await trio.sleep(LOOK_SECONDS)
            now = await list_files(self._plan.folders)
            if now != self._files and now == seen:
                await self.look()
            seen = now

    @staticmethod
    def _told(reloads: Sequence[ReloadedExecution], path: Path) -> None:
        """Tell of executions that were to follow a file."""
        for each in reloads:
            tell = log.warning if each.state == "refused" else log.info
            tell(
                "execution reloaded",
                file=str(path),
                execution=each.execution_id,
                state=each.state,
                reason=each.reason,
            )

    # Components

    async def _take_components(self) -> None:
        found = read_folders(self._plan.libraries)
        await trio.lowlevel.checkpoint()
        refused = {problem.path: problem.message for problem in found.problems}
        there = {component.path: component for component in found.components}
        for path in self._components.keys() - there.keys() - refused.keys():
            await self._forget_component(path, refused)
        for path, component in there.items():
            former = self._components.get(path)
            if former is None or former.document != component.document:
                await self._take_component(path, component, former, refused)
        self._note(refused)

    async def _forget_component(self, path: Path, refused: dict[Path, str]) -> None:
        """Forget a component whose file has gone, unless a graph uses it."""
        component_id = self._components[path].document["id"]
        try:
            await self._runtime.library.unregister_component(component_id)
        except EngineError as error:
            refused[path] = f"the file has gone, and the component stays: {error}"
            return
        del self._components[path]
        log.info("component gone", file=str(path), id=component_id)

    async def _take_component(
        self, path: Path, component: ComponentFile, former: ComponentFile | None, refused: dict[Path, str]
    ) -> None:
        library = self._runtime.library
        try:
            component_id, by = str(component.document.get("id", "")), f"file {path}"
            await library.replace_component(component_id, component.document, by=by)
        except EngineError as error:
            refused[path] = await _reason(component.sources[-1], error)
            return
        if former is not None and former.document["id"] != component_id:
            await self._forget_component(path, refused)
        self._components[path] = component
        log.info("component loaded", file=str(path), id=component_id, replaced=former is not None)
        if former is not None and self._plan.watches:
            self._told(await self._runtime.reload_component(component_id), path)

    # Graphs

    async def _take_graphs(self, files: Mapping[Path, Stamp]) -> None:
        for path in self._graphs.keys() - files.keys():
            self._forget_graph(path)
        waiting = [path for path in files if not is_code(path) and ".cases." not in path.name]
        while waiting:  # graphs that others use come first, whatever they are called
            left = [path for path in waiting if not await self._take_graph(path, files[path])]
            if len(left) == len(waiting):
                break
            waiting = left
        for path, held in self._graphs.items():
            if held.problem and held.problem != held.told:
                log.warning("file refused", file=str(path), reason=held.problem)
            held.told = held.problem

    async def _take_graph(self, path: Path, stamp: Stamp) -> bool:
        """Take a graph's file as it is now; return whether there is nothing more to be done for it."""
        held = self._graphs.get(path)
        if held is not None and held.stamp == stamp and not held.problem:
            return True
        try:
            document = await _read(path, stamp)
        except (OSError, DocumentError) as error:
            held = self._graphs.setdefault(path, _Held(stamp))
            held.stamp, held.problem = stamp, str(error)
            return False
        if kind_of(document) != "graph":
            if held is not None:
                self._forget_graph(path)
            return True
        held = self._graphs.setdefault(path, _Held(stamp))
        held.stamp = stamp
        held.problem = await self._load(path, held, document)
        return not held.problem

    async def _load(self, path: Path, held: _Held, document: Any) -> str:
        """Load a graph, or a new version of it; return why not, where it is refused."""
        name = document.get("name")
        other = next((each for each, kept in self._graphs.items() if kept.name == name and each != path), None)
        if other is not None:
            return f"{other} has a graph of the name {name}, too"
        library, by = self._runtime.library, f"file {path}"
        try:
            try:
                placed = (await library.replace_graph(held.graph_id, document, by=by)).graph
            except GraphNotFoundError:  # it is new here; one of its name may have been kept from an earlier time
                placed = (await library.place_graph(document, by=by, replace=True)).graph
        except EngineError as error:
            return await _reason(path, error)
        is_new = placed.id != held.graph_id
        held.graph_id, held.name = placed.id, placed.definition.name
        log.info("graph loaded", file=str(path), id=placed.id, version=placed.number)
        if not is_new and self._plan.watches:
            self._told(await self._runtime.reload_graph(placed.id), path)
        is_automatic = placed.definition.metadata.get("role") in AUTOMATIC_ROLES
        if is_new and is_automatic and self._runtime.newest_running(placed.id) is None:
            patience = Backoff(self._chance)
            self._nursery.start_soon(keep_running, self._runtime, placed.id, str(path), patience, lambda: None)
        return ""

    def _forget_graph(self, path: Path) -> None:
        """Unload the graph of a file that has gone; its executions drain, and nobody waits for that."""
        held = self._graphs.pop(path)
        if held.graph_id:
            log.info("graph gone", file=str(path), id=held.graph_id)
            self._nursery.start_soon(self._unload, held.graph_id)

    async def _unload(self, graph_id: str) -> None:
        try:
            await self._runtime.unload_graph(graph_id, drain=True)
        except GraphNotFoundError:
            log.debug("unloaded already", id=graph_id)

    def _note(self, refused: dict[Path, str]) -> None:
        """Take note of the files that are refused, and tell of those that are so anew."""
        for path, reason in refused.items():
            if self._refused.get(path) != reason:
                log.warning("file refused", file=str(path), reason=reason)
        self._refused = refused


async def _read(path: Path, stamp: Stamp) -> Any:
    """Read the document in a file.

    Raises:
        OSError: it cannot be read.
        DocumentError: it is none.
    """
    if stamp[1] > MOST_BYTES:
        raise DocumentError(f"it has {stamp[1]:,} bytes; {MOST_BYTES:,} are read")
    return await decode_document_in_slices(_content(path), format_of_file(path.name))


def _content(path: Path) -> bytes:
    return read_regular_file(path, MOST_BYTES)


async def _reason(path: Path, error: EngineError) -> str:
    """Return what is wrong with a file, in one line, with lines and columns where they are known."""
    if not isinstance(error, InvalidError):
        return str(error)
    problems = error.problems[:TOLD_PROBLEMS]
    found: Sequence[Problem] = problems
    if not is_code(path):
        text = await trio.Path(path).read_bytes() if await trio.Path(path).is_file() else b""
        found = (await in_slices(locating(text, format_of_file(path.name), problems))).findings
    told = [f"{_place(each)}{each.message}" for each in found]
    more = len(error.problems) - TOLD_PROBLEMS
    return "; ".join([*told, f"and {more} more"] if more > 0 else told)


def _place(problem: Problem) -> str:
    if isinstance(problem, Finding) and problem.line is not None:
        return f"line {problem.line}, column {problem.column}: "
    return f"{problem.path}: " if problem.path else ""
