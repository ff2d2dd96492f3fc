"""The change of an execution from one revision to the next: nodes are halted, handlers replaced, and it goes on.

    halt, those that feed others first ──> new handlers: what the old ones keep, ``initialize`` ──> swap ──> go on
                                                                    └── refused: the old ones go on

A node is halted when it comes for messages: then nothing of it is in hand. With ``consistency: message`` it is
halted only when nothing waits before it. All that feed it have been halted before, and injections are held back:
so nothing more can come to it. What was injected before is through it, and what is injected later finds the next
revision. The boundary between the two flows through the graph as a marker would, and costs no message anything.

Until the swap nothing of the old revision has changed, but that removed nodes have given out what they held; and
the swap itself is done without an await. So whatever is refused before leaves all as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType

import trio

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.groups import PRESENT
from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.execution.execution import Execution
from engine.execution.grouped_shared import GroupedShared
from engine.execution.instance import Instance
from engine.execution.masking import masked_line
from engine.execution.node_tasks import clean_up_after
from engine.execution.revisions import Revision
from engine.execution.watched import is_watched, watch_alike
from engine.reload.beginning import begun, inherited
from engine.reload.canary import TrialBook, Tried, mean_latency_seconds
from engine.reload.chains import form_chains, left_chains
from engine.reload.plan import Composition, does_same_work, edge_keys
from engine.reload.rewiring import Rewiring
from proto.reload import HandledBy, NodeChange, ReloadPlan


class RefusedError(Exception):
    """The change came to nothing; everything is as it was. The message says why."""


class Heirs:
    """The new handlers of one node, and what they have emitted in ``initialize``."""

    def __init__(self, handlers: Sequence[Handler]) -> None:
        self.handlers = handlers
        self.begun: list[Handler] = []
        self.outcomes: list[Outcome] = []


class Switch:
    """One change.

    Args:
        execution: what is changed.
        following: the revision that it is to run.
        plan: what happens to each node; without problems.
        queues: indices of edges of the next graph that are handed what waits before removed nodes, by their ids.
        book: of the trial that it begins; None where it begins none.
        ready: handlers of nodes that have begun already, by the ids of the nodes: those that a trial leaves.
    """

    def __init__(
        self,
        execution: Execution,
        following: Revision,
        plan: ReloadPlan,
        *,
        queues: Mapping[str, int],
        book: TrialBook | None = None,
        ready: Mapping[str, Sequence[Handler]] = MappingProxyType({}),
    ) -> None:
        self._execution = execution
        self._following = following
        self._queues = queues
        self._old = execution.graph
        self._new = following.graph
        self._is_draining = plan.consistency == "message"
        self._book = book
        self._changes: dict[str, NodeChange] = {node.node_id: node.change for node in plan.nodes}
        self._changes.update(dict.fromkeys(ready, "changed"))
        self._versions = {node.node_id: node.from_version for node in plan.nodes}
        self._is_whole = not fits(self._old, self._new)
        self._ready = ready
        self._heirs = {node_id: Heirs(handlers) for node_id, handlers in ready.items()}
        self.unkept = ""  # why a restart would go back
        self._is_swapped = False
        self._halted: list[Instance] = []
        self._retired: list[tuple[Instance, Handler]] = []

    async def run(self) -> None:
        """Make the change.

        Raises:
            RefusedError: it came to nothing.
        """
        execution = self._execution
        recorder = execution.shared.recorder
        if recorder is not None:
            await recorder.prepare(self._new)
        holds_back = self._is_draining or self._is_whole
        try:
            if holds_back:
                await execution.injector.hold_back()
            try:
                await self._prepare()
                await self._change()
            except BaseException as error:
                if self._is_swapped:
                    self._clean_up()
                elif isinstance(error, RefusedError):
                    await self._go_on(self._halted)
                if not self._is_swapped:
                    await self._discard_heirs()
                raise
            try:
                with execution.shared.gate.passing():
                    await form_chains(execution, self._begun, self._chains)
                await self._go_on([execution.instances[index] for index in self._begun])
            finally:
                self._clean_up()
        finally:
            if holds_back:
                execution.injector.let_in()
                execution.spawn(execution.injector.drain)

    async def _prepare(self) -> None:
        """Do all that may fail; nothing of the old revision has changed when it does.

        Raises:
            RefusedError: it cannot be done, or something failed that should not have.
        """
        try:
            await self._halt()
            with self._execution.shared.gate.passing():
                await self._open_heirs()
            if self._book is not None:
                self._begin_trial(self._book)
        except RefusedError:
            raise
        except Exception as error:
            raise RefusedError(f"Internal error: {error!r}") from error

    async def _change(self) -> None:
        """Swap; where the execution outlives the process, the revision is on disk before anything of it runs."""
        execution = self._execution
        await execution.begin_change()
        try:
            self._require_free_edges()  # once more: handlers have taken their time to begin
            self._drop(self._swap())
            with self._noting_what_is_not_kept():
                await execution.keep_change()
        finally:
            execution.end_change()

    @contextmanager
    def _noting_what_is_not_kept(self) -> Iterator[None]:
        """Go on where the next revision cannot be written: the one before is gone from memory already."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a fault of ours, too, is one of the checkpoint alone
            self.unkept = f"It is not on disk yet, and a restart would go back to the revision before: {error}"

    def _clean_up(self) -> None:
        """Let the old handlers free what they have; nobody waits for that but the end of the execution."""
        execution = self._execution
        clean_up = partial(clean_up_after, self._retired, execution.limits.cleanup_seconds)
        if self._retired and not execution.spawn(clean_up):
            execution.retired += self._retired

    # Halting

    def _concerned(self) -> set[int]:
        """Return the indices of the nodes that are halted: all, or those that change and all chained to them."""
        everything = set(range(len(self._old.nodes)))
        if self._is_draining or self._is_whole:
            return everything
        concerned = {self._old.index_of[node_id] for node_id, change in self._changes.items() if change != "kept"}
        chains = [set(chain) for chain in (*self._old.chains, *self._new.chains)]
        size = 0
        while size < len(concerned):
            size = len(concerned)
            concerned.update(*[chain for chain in chains if not chain.isdisjoint(concerned)])
        return concerned

    async def _halt(self) -> None:
        execution, concerned = self._execution, self._concerned()
        for index in self._old.order:
            if index not in concerned:
                continue
            instance = execution.instances[index]
            change = self._changes[instance.node.id]
            leaves = change == "removed" and instance.node.id not in self._queues
            instance.lets_out = self._is_draining or leaves
            execution.shared.inboxes[index].halt(when_empty=instance.lets_out)
            self._halted.append(instance)
            await instance.ended.wait()
            if change == "removed" or (change == "changed" and not await self._carries_on(instance)):
                await instance.flush()
        if not self._ready:  # the end of a trial: what gathers goes on with what it has
            self._require_closed_groups()
        self._require_free_edges()

    def _require_free_edges(self) -> None:
        """Refuse the change where somebody knows nodes and edges by indices that it would change.

        Raises:
            RefusedError: somebody does.
        """
        if self._is_whole and is_looked_at(self._execution):
            raise RefusedError("Edges were held, or breakpoints set, meanwhile")
        if self._is_draining and self._execution.edge_control.held():
            raise RefusedError("Edges were held meanwhile")

    def _require_closed_groups(self) -> None:
        """Refuse the change where what gathers arrays would change while parts of one are held between.

        Raises:
            RefusedError: a node between holds some of them until there are more.
        """
        shared, plan = self._execution.shared, self._old.groups
        if plan is None or not isinstance(shared, GroupedShared) or not shared.has_open_groups():
            return
        ends = {*plan.gathers, *(index for indices in plan.gathers.values() for index in indices)}
        if self._is_whole or any(self._changes[self._old.nodes[index].id] != "kept" for index in ends):
            raise RefusedError("Arrays are under way to where they are gathered, and what is left of them waits")

    async def _carries_on(self, instance: Instance) -> bool:
        """Return whether the new handler of a node takes over the messages that the old one holds."""
        new = self._new.node(instance.node.id)
        if new is None or not does_same_work(instance.node, new):
            return False
        former = instance.handlers[0].innermost()
        if former.keeps != "messages" or new.id in self._ready:
            return True
        execution = self._execution
        (another, *_) = execution.maker.handlers(new, self._following.values, execution.shared)
        return await inherited(another, former, self._versions[new.id]) is None

    def _made(self, node: CompiledNode) -> Heirs:
        found = self._heirs.get(node.id)
        if found is None:
            execution = self._execution
            made = execution.maker.handlers(node, self._following.values, execution.shared)
            found = self._heirs[node.id] = Heirs(made)
        return found

    async def _go_on(self, instances: Sequence[Instance]) -> None:
        """Let instances run that are halted, or new."""
        execution = self._execution
        for instance in instances:
            execution.shared.inboxes[instance.node.index].go_on(execution.shared.pace)
            instance.ended = trio.Event()
            instance.lets_out = False
        PRESENT.set(None)  # of whatever message this task follows from: tasks inherit it
        assert execution.node_tasks is not None  # noqa: S101 - it runs
        await execution.node_tasks.add(instances)

    # New handlers

    async def _open_heirs(self) -> None:
        """Make the new handlers, those that feed others first, with what the old ones keep.

        Raises:
            RefusedError: one of them cannot go on from there.
        """
        mask = self._execution.revisions.mask_with(self._following)
        former = {instance.node.id: instance for instance in self._execution.instances}
        for index in self._new.order:
            node = self._new.nodes[index]
            if self._changes[node.id] == "kept" or node.id in self._ready:
                continue
            heirs = self._made(node)
            instance = former.get(node.id)
            if instance is not None and does_same_work(instance.node, node):
                for heir, predecessor in zip(heirs.handlers, instance.handlers, strict=False):
                    version = self._versions[node.id]
                    error = await inherited(heir, predecessor, version)
                    _require_none(node, "take over the state", error)
            for handler in heirs.handlers:
                heirs.begun.append(handler)
                outcome = await begun(handler)
                for line in outcome.logs:
                    self._execution.shared.log(node, masked_line(mask, line))
                _require_none(node, "begin", outcome.error)
                heirs.outcomes.append(outcome)

    def _begin_trial(self, book: TrialBook) -> None:
        """Let the old handler of each changed node stay beside the new one."""
        for instance in self._halted:
            heirs = self._heirs.get(instance.node.id)
            node = self._new.node(instance.node.id)
            if heirs is not None and node is not None:
                mean_seconds = mean_latency_seconds(instance.counters)
                heirs.handlers = [
                    Tried(book, new, old, partial(self._again, node, old), mean_seconds)
                    for new, old in zip(heirs.handlers, instance.handlers, strict=True)
                ]

    async def _again(self, node: CompiledNode, old: Handler) -> Handler | None:
        """Return another new handler that goes on where the old one is; None where it cannot."""
        execution = self._execution
        (handler, *_) = execution.maker.handlers(node, self._following.values, execution.shared)
        if await inherited(handler, old, self._versions[node.id]) is not None:
            return None
        return handler if (await begun(handler)).error is None else None

    async def _discard_heirs(self) -> None:
        """Let the new handlers free what they have: the old ones go on."""
        execution = self._execution
        former = {instance.node.id: instance for instance in execution.instances}
        pairs = [
            (former.get(node_id, execution.instances[0]), each)
            for node_id, heirs in self._heirs.items()
            for each in heirs.begun
        ]
        if execution.is_ending:
            execution.retired += pairs
        elif pairs:
            await clean_up_after(pairs, execution.limits.cleanup_seconds)

    # The swap

    def _swap(self) -> list[Message]:
        """Put the next revision in the place of the present one; return messages that have no place in it."""
        execution, shared = self._execution, self._execution.shared
        halted = {instance.node.id for instance in self._halted}
        former = {instance.node.id: instance for instance in execution.instances}
        self._chains = left_chains(self._halted)
        lost: list[Message] = []
        if self._is_whole:
            rewiring = Rewiring(shared, execution.injector, self._old, self._new)
            lost = rewiring.apply(self._queues)
            execution.edge_control.change_graph()
        else:
            for node in self._new.nodes:
                shared.inboxes[node.index].widen(node.capacity, node.overflow)
                if node.id in halted:
                    shared.early_starts.pop(node.index, None)
        shared.change_graph(self._new, execution.revisions.mask_with(self._following))
        instances = [
            former[node.id] if node.id in former and node.id not in halted else self._instance(node, former)
            for node in self._new.nodes
        ]
        for node_id, instance in former.items():
            if self._changes[node_id] == "removed":
                execution.revisions.bury(instance.counters)
                self._retire(instance)
        self._begun = [
            node.index for node in self._new.nodes if node.id in halted or self._changes[node.id] == "added"
        ]
        execution.instances[:] = instances
        execution.revisions.untried = self._untried()
        execution.run_revision(self._following)
        self._say_who_handles()
        self._is_swapped = True
        return lost

    def _untried(self) -> Revision | None:
        """Return the present revision where the next one is on trial, and has not won yet."""
        return None if self._book is None or self._book.verdict == "stays" else self._execution.revisions.present

    def _say_who_handles(self) -> None:
        """Take note, and tell, of the versions that handle the messages of the changed nodes from now on."""
        execution, number = self._execution, self._execution.revisions.number
        changed = {
            node.id: HandledBy(node.component.definition.version, number)
            for node in self._new.nodes
            if self._changes[node.id] in ("changed", "added")
        }
        known = execution.shared.handled_by
        known.update(changed)
        for node_id in known.keys() - self._new.index_of.keys():
            del known[node_id]
        for observer in execution.observers:
            observer.changed(execution.id, changed)

    def _instance(self, node: CompiledNode, former: Mapping[str, Instance]) -> Instance:
        execution, before = self._execution, former.get(node.id)
        change, heirs = self._changes[node.id], self._heirs.get(node.id)
        if before is None:
            assert heirs is not None  # noqa: S101 - all that is added has been made
            instance = execution.maker.instance(node, heirs.handlers, execution.shared)
            instance.begin_anew(heirs.outcomes)
            return instance
        is_kept = change == "kept" or heirs is None
        handlers = before.handlers if heirs is None or is_kept else heirs.handlers
        instance = execution.maker.instance(node, handlers, execution.shared, before)
        watch_alike(instance, before)
        instance.take_place(before, None if heirs is None or is_kept else heirs.outcomes)
        if not is_kept:
            self._retire(before)
        return instance

    def _retire(self, instance: Instance) -> None:
        """Let the handlers of an instance be cleaned up after; it keeps nothing any more that others do not."""
        for handler in instance.handlers:
            if isinstance(handler, Tried):
                handler.is_released = True
        if self._book is None:  # in a trial the old ones stay
            self._retired += [(instance, handler) for handler in instance.retire()]
        if instance.kept_memory is not None:
            instance.kept_memory.close()

    def _drop(self, lost: Sequence[Message]) -> None:
        """Count messages that had been taken in for a node, or a port, that is no more."""
        shared = self._execution.shared
        if lost:
            shared.counters.dropped += len(lost)
            for observer in self._execution.observers:
                observer.dropped(self._execution.id, "", len(lost), "command")
            shared.note_lost(lost)
            shared.in_flight.finish(len(lost))


def fits(old: LoadedGraph, new: LoadedGraph) -> bool:
    """Return whether nodes and edges of two graphs have the same indices, and the nodes the same ports."""
    return (
        dict(old.index_of) == dict(new.index_of)
        and edge_keys(old.edges) == edge_keys(new.edges)
        and old.groups == new.groups
        and all(
            before.inputs == after.inputs and before.outputs == after.outputs and before.routes == after.routes
            for before, after in zip(old.nodes, new.nodes, strict=True)
        )
    )


def is_looked_at(execution: Execution) -> bool:
    """Return whether somebody holds an edge, or looks at messages: they know nodes and edges by their indices."""
    return bool(execution.edge_control.controlled) or any(map(is_watched, execution.instances))


def composition(revision: Revision) -> Composition:
    """Return what a revision runs."""
    return Composition(revision.graph, revision.values)


def _require_none(node: CompiledNode, what: str, error: HandlerError | None) -> None:
    if error is not None:
        raise RefusedError(f"Node {node.id} cannot {what}: {error.name}: {error.message}")
