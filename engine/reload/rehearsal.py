"""The rehearsal of a reload: new handlers begin on a copy of what the old ones keep, and are gone again.

Only handlers that do nothing outside themselves are rehearsed. What they would refuse is known before anything of
the execution is touched; what has changed by the time of the real beginning may still be refused then.
"""

from collections.abc import Iterator, Mapping

import trio

from engine.contracts.handler import HandlerError
from engine.documents.problem_report import ProblemReport, shown
from engine.execution.execution import Execution
from engine.execution.instance import Instance
from engine.execution.revisions import Revision
from engine.reload.beginning import begun, inherited
from engine.reload.plan import does_same_work
from proto.problem import Problem
from proto.reload import PlannedNode, ReloadPlan


async def rehearse(execution: Execution, following: Revision, plan: ReloadPlan) -> list[Problem]:
    """Let the new handlers of a reload begin on a copy; return what they refuse."""
    report = ProblemReport()
    report.mask = execution.revisions.mask_with(following)
    former = {instance.node.id: instance for instance in execution.instances}
    for node in _new(plan):
        with execution.shared.gate.passing():
            error = await _rehearse_one(execution, following, former, node)
        if error is not None:
            message = f"Node {shown(node.node_id)} would not begin: {error.name}: {error.message}"
            report.note("reload.not_begun", f"nodes.{shown(node.node_id)}", message)
    return report.problems()


def _new(plan: ReloadPlan) -> Iterator[PlannedNode]:
    return (node for node in plan.nodes if node.change in ("changed", "added"))


async def _rehearse_one(
    execution: Execution, following: Revision, former: Mapping[str, Instance], planned: PlannedNode
) -> HandlerError | None:
    node = following.graph.node(planned.node_id)
    assert node is not None  # noqa: S101 - the plan is of this graph
    handler = execution.maker.handlers(node, following.values, execution.shared)[0]
    if not handler.innermost().is_pure:
        return None
    try:
        instance = former.get(planned.node_id)
        if instance is not None and instance.handlers and does_same_work(instance.node, node):
            predecessor = instance.handlers[0].innermost()
            refusal = await inherited(handler, predecessor, planned.from_version)
            if refusal is not None:
                return refusal
        return (await begun(handler)).error
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + execution.limits.cleanup_seconds):
            await handler.cleanup()
