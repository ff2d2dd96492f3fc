"""The reloads of executions: asked for, planned, made one after another, tried, and taken back."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import trio

from engine.documents.mask import Mask
from engine.documents.problem_report import shown
from engine.errors import NothingToRollBackError, ReloadRefusedError, ReloadUnderWayError
from engine.execution.execution import Execution
from engine.execution.revisions import Revision
from engine.library import Library
from engine.reload.canary import TrialBook, Tried
from engine.reload.plan import NodeFacts, make_plan, named_edges
from engine.reload.rehearsal import rehearse
from engine.reload.switch import RefusedError, Switch, composition, fits, is_looked_at
from engine.reload.target import find_revision, numbers_of
from proto.problem import Problem
from proto.reload import CanaryTerms, Consistency, ReloadPlan, ReloadReport, ReloadRequest, ReloadState

ANSWER_SECONDS = 1.0
"""The time after which a reload is answered although it is under way: a paused execution finishes no batch."""


def reloader_of(execution: Execution, library: Library) -> "Reloader":
    """Return who changes an execution."""
    found = execution.revisions.reloader
    if not isinstance(found, Reloader):
        revisions = execution.revisions
        if not revisions.present.numbers:  # a restart goes back to it where the next one is on trial
            revisions.present = msgspec.structs.replace(
                revisions.present, numbers=numbers_of(execution.graph, library)
            )
        found = revisions.reloader = Reloader(execution, partial(find_revision, execution, library))
    return found


class _Trial(msgspec.Struct, frozen=True):
    """A trial under way: its book, its report's number, the revision before it, and the mask of both."""

    book: TrialBook
    number: int
    before: Revision
    mask: Mask | None


class Reloader:
    """The changes of one execution.

    Args:
        execution: the execution.
        find: finds the revision that a request asks for.
    """

    def __init__(self, execution: Execution, find: Callable[[ReloadRequest], Awaitable[Revision]]) -> None:
        self._execution = execution
        self._find = find
        self._revisions = execution.revisions
        self._trial: _Trial | None = None
        self._count = 0

    # What is asked for

    async def plan(self, request: ReloadRequest) -> ReloadPlan:
        """Return what a reload would do; its problems say why it cannot be done.

        Raises:
            EngineError: it names what there is not, or a graph that cannot be.
        """
        self._execution.require_changeable()
        following = await self._find(request)
        return await self._plan(following, request)

    async def reload(self, request: ReloadRequest) -> ReloadReport:
        """Change the execution; return how far that has come when it is done, or after a second.

        Raises:
            ReloadUnderWayError: it is being changed, or a change is on trial.
            ReloadRefusedError: it cannot be done; nothing has changed.
            EngineError: as :meth:`plan`.
        """
        self._require_idle()
        self._execution.require_changeable()
        self._revisions.begin()
        try:
            following = await self._find(request)
            number = await self._begin(following, request)
        except BaseException:
            self._revisions.end()
            raise
        return await self._answer(number)

    async def roll_back(self) -> ReloadReport:
        """Take the execution back to the revision before the present one; a trial ends.

        Raises:
            ReloadUnderWayError: it is being changed.
            NothingToRollBackError: there is none that is kept.
            ReloadRefusedError: it cannot go back; nothing has changed.
        """
        trial = self._trial
        if trial is not None:
            trial.book.decide("back", "it was rolled back")
            return await self._answer(trial.number, ("switching", "trial"))
        self._require_idle()
        self._execution.require_changeable()
        if not self._revisions.former:
            raise NothingToRollBackError(self._execution.id)
        self._revisions.begin()
        try:
            number = await self._begin(self._revisions.former[-1], ReloadRequest())
        except BaseException:
            self._revisions.end()
            raise
        return await self._answer(number)

    def report(self, number: int) -> ReloadReport:
        """Return the report of a reload that has begun."""
        report = next(each for each in self._revisions.reports if each.number == number)
        trial = self._trial
        if trial is not None and trial.number == number:
            return msgspec.structs.replace(report, canary=trial.book.report())
        return report

    def reports(self) -> list[ReloadReport]:
        """Return the reports that are kept, the last one last."""
        return [self.report(each.number) for each in self._revisions.reports]

    def _require_idle(self) -> None:
        if self._revisions.is_busy or self._trial is not None:
            last = self._revisions.reports[-1] if self._revisions.reports else None
            raise ReloadUnderWayError(self._count, "switching" if last is None else last.state)

    # The plan

    async def _plan(self, following: Revision, request: ReloadRequest) -> ReloadPlan:
        execution = self._execution
        before, after = composition(self._revisions.present), composition(following)
        is_same_shape = fits(before.graph, after.graph)
        consistency: Consistency = request.consistency or ("none" if is_same_shape else "message")
        plan = make_plan(
            before,
            after,
            self._facts(),
            revision=self._revisions.number + 1,
            consistency=consistency,
            queues=request.queues,
            canary=request.canary,
        )
        problems = [*plan.problems]
        if not is_same_shape and is_looked_at(execution):
            message = "Edges are held, or breakpoints set; nodes and edges can come and go when that is over"
            problems.append(Problem("reload.edges_held", "graph", message))
        elif consistency == "message" and execution.edge_control.held():
            message = (
                'Messages stand on edges that are held, so it would wait for them; let them go, or say "none"'
            )
            problems.append(Problem("reload.edges_held", "consistency", message))
        if request.canary is not None:
            problems += self._untriable(following, plan)
        if not problems:
            problems += await rehearse(execution, following, plan)
        return msgspec.structs.replace(plan, problems=tuple(problems))

    def _facts(self) -> dict[str, NodeFacts]:
        shared = self._execution.shared
        facts = {}
        for instance in self._execution.instances:
            node, handler = instance.node, instance.handlers[0].innermost()
            waiting: dict[str, int] = {}
            for message in shared.inboxes[node.index].waiting():
                port = node.inputs[message.port]
                waiting[port] = waiting.get(port, 0) + 1
            facts[node.id] = NodeFacts(len(handler.state()), instance.in_hand.held, waiting)
        return facts

    def _untriable(self, following: Revision, plan: ReloadPlan) -> list[Problem]:
        """Return which nodes cannot be tried: what they hold or keep would be in two hands."""
        execution = self._execution
        problems = []
        for planned in plan.nodes:
            node = following.graph.node(planned.node_id)
            if planned.change != "changed" or node is None:
                continue
            (new, *_) = execution.maker.handlers(node, following.values, execution.shared)
            old = execution.instances[execution.graph.index_of[planned.node_id]].handlers[0]
            pair = new.innermost(), old.innermost()
            if not all(each.is_pure or not each.keeps for each in pair) or planned.state == "leaves":
                message = f"What node {shown(node.id)} keeps cannot be in the hands of two versions at once"
                problems.append(Problem("reload.canary_state", f"nodes.{shown(node.id)}", message))
            elif "its concurrency" in planned.because:
                message = f"Node {shown(node.id)} can be tried only with the concurrency that it has"
                problems.append(Problem("reload.canary_state", f"nodes.{shown(node.id)}", message))
        return problems

    # The change

    async def _begin(self, following: Revision, request: ReloadRequest) -> int:
        """Begin a change, in a task of the execution, and return its number; ``Revisions.begin`` came before.

        From then on only that task may call ``Revisions.end``, however long whoever asked waits.
        """
        execution = self._execution
        plan = await self._plan(following, request)
        if plan.problems:
            raise ReloadRefusedError(plan.problems)
        execution.require_changeable()
        self._count += 1
        number = self._count
        report = ReloadReport(number, "switching", self._revisions.number, plan, execution.timestamp())
        self._tell(report)
        execution.spawn(partial(self._switch, number, following, plan, request))
        return number

    async def _answer(self, number: int, under_way: Sequence[ReloadState] = ("switching",)) -> ReloadReport:
        with trio.move_on_after(ANSWER_SECONDS):
            while self.report(number).state in under_way and not self._execution.finished.is_set():
                await self._revisions.changed()
        return self.report(number)

    async def _switch(self, number: int, following: Revision, plan: ReloadPlan, request: ReloadRequest) -> None:
        execution, before = self._execution, self._revisions.present
        edges = named_edges(following.graph) if request.queues else {}
        book = None if request.canary is None else self._open_book(request.canary, number)
        switch = Switch(
            execution,
            following,
            plan,
            queues={node: edges[edge] for node, edge in request.queues.items()},
            book=book,
        )
        try:
            await switch.run()
        except RefusedError as refusal:
            self._close(number, "refused", str(refusal), execution.revisions.mask_with(following))
        else:
            if book is None:
                self._close(number, "done", switch.unkept)
            else:
                self._trial = _Trial(book, number, before, execution.shared.mask)
                self._tell(self._updated(number, "trial"))
                if book.verdict:
                    execution.spawn(self._end_trial)
        finally:
            self._revisions.end()

    # The trial

    def _open_book(self, terms: CanaryTerms, number: int) -> TrialBook:
        def decided() -> None:
            if book.verdict == "stays":
                self._revisions.untried = None
            if self._trial is not None and self._trial.number == number:
                self._execution.spawn(self._end_trial)

        book = TrialBook(terms, decided)
        return book

    async def _end_trial(self) -> None:
        """Let the version that has won go on alone."""
        trial, execution, revisions = self._trial, self._execution, self._revisions
        if trial is None or revisions.is_busy or revisions.is_over:
            return
        ready = {
            instance.node.id: [each.winner for each in instance.handlers if isinstance(each, Tried)]
            for instance in execution.instances
            if isinstance(instance.handlers[0], Tried)
        }
        has_won = trial.book.verdict == "stays"
        following = revisions.present if has_won else trial.before
        revisions.begin()
        try:
            plan = make_plan(
                composition(revisions.present),
                composition(following),
                {},
                revision=revisions.number + 1,
                consistency="none",
                queues={},
                canary=None,
            )
            switch = Switch(execution, following, plan, queues={}, ready=ready)
            await switch.run()
        except RefusedError as refusal:  # the winner goes on all the same, with the other one beside it
            self._end_with(trial, "failed", f"{trial.book.reason}; {refusal}")
        else:
            reason = "; ".join(filter(None, (trial.book.reason, switch.unkept)))
            self._end_with(trial, "done" if has_won else "rolled-back", reason)
        finally:
            revisions.end()

    def _end_with(self, trial: _Trial, state: ReloadState, reason: str) -> None:
        """Let there be no trial any more, and tell how it has ended."""
        self._trial = None
        self._close(trial.number, state, reason, trial.mask, canary=trial.book.report())

    # Reports

    def _updated(self, number: int, state: ReloadState) -> ReloadReport:
        report = next(each for each in self._revisions.reports if each.number == number)
        return msgspec.structs.replace(report, state=state, revision=self._revisions.number)

    def _close(
        self, number: int, state: ReloadState, reason: str = "", mask: Mask | None = None, **more: object
    ) -> None:
        report = self._updated(number, state)
        ended_at = self._execution.timestamp()
        reason = reason if mask is None else mask.text(reason)
        self._tell(msgspec.structs.replace(report, reason=reason, ended_at=ended_at, **more))

    def _tell(self, report: ReloadReport) -> None:
        self._revisions.note(report)
        for observer in self._execution.observers:
            observer.reloaded(self._execution.id, report)
