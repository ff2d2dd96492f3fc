"""Reloads: how a running execution is changed, what such a change would do, and what became of it."""

from typing import Annotated, Any, Literal

import msgspec

from proto.problem import Problem

Consistency = Literal["message", "none"]
"""``message``: every injected message is processed by one version alone. ``none``: each node changes as soon as it
can, and a message that is under way may meet both."""

NodeChange = Literal["kept", "changed", "added", "removed"]

StateMove = Literal["stays", "moves", "begins", "leaves"]
"""The fate of what a node keeps: it stays where it is, moves to the new handler, begins anew, or is given out and
ends with the node."""

ReloadState = Literal["switching", "trial", "done", "refused", "failed", "rolled-back"]


class CanaryTerms(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The terms on which a new version is tried while the old one stays beside it.

    Attributes:
        messages: that decide: when so many have gone well enough, the new version stays.
        max_errors: invocations that may fail where the old version does not; one more, and the old one is back.
        max_slowdown: how many times as long as the old version's the mean invocation may take; 0 for any.
    """

    messages: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    max_errors: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    max_slowdown: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0


class ReloadRequest(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A change of a running execution.

    Attributes:
        components: the version that each of these components is to have in it: the number of a version that is
            kept, or what its author calls it; None for the present one.
        configs: the configuration that each of these nodes is to have, by the node's path; all of it.
        graph: the number of the graph's version that it is to run, or ``latest``.
        consistency: what may be seen while it changes; ``message`` for a graph, ``none`` for the others, where
            absent.
        canary: whether the new version is tried first, and how.
        queues: the edge that is handed what waits before a removed node, by the node's path; where none is named,
            the node processes it before it goes.
        dry_run: whether only the plan is wanted.
    """

    components: dict[str, int | str | None] = {}
    configs: dict[str, dict[str, Any]] = {}
    graph: int | Literal["latest"] | None = None
    consistency: Consistency | None = None
    canary: CanaryTerms | None = None
    queues: dict[str, str] = {}
    dry_run: bool = False


class PlannedNode(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The fate of one node in a reload.

    Attributes:
        node_id: its path.
        change: what happens to it.
        component: that it is a use of, afterwards; of a removed one, before.
        from_version: that its author gives the component now.
        to_version: that its author gives the component afterwards.
        because: what differs, in words.
        state: what becomes of what it keeps.
        keys: that it keeps now by ``setState``.
        held: messages that its handler holds now.
        waiting: messages that wait before it now.
    """

    node_id: str
    change: NodeChange
    component: str
    from_version: str = ""
    to_version: str = ""
    because: tuple[str, ...] = ()
    state: StateMove = "stays"
    keys: int = 0
    held: int = 0
    waiting: int = 0


class ReloadPlan(msgspec.Struct, frozen=True, rename="camel"):
    """The plan of a reload, as things are at this moment.

    Attributes:
        revision: that the execution would have afterwards.
        consistency: what may be seen while it changes.
        nodes: all of them, those that are removed last.
        edges_added: between ports of components.
        edges_removed: likewise.
        edges_kept: how many stay.
        problems: the reasons why it cannot be done; none where it can.
    """

    revision: int
    consistency: Consistency
    nodes: tuple[PlannedNode, ...]
    edges_added: tuple[str, ...]
    edges_removed: tuple[str, ...]
    edges_kept: int
    problems: tuple[Problem, ...] = ()


class CanaryReport(msgspec.Struct, frozen=True, rename="camel"):
    """The figures of a trial.

    Attributes:
        messages: that the new version was given.
        errors: invocations that failed where the old version did not.
        slowdown: how many times as long as the old version's the mean invocation took; 0 where not measured.
    """

    messages: int = 0
    errors: int = 0
    slowdown: float = 0.0


class ReloadReport(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A reload at one moment.

    Attributes:
        number: counts the reloads of the execution from 1.
        state: how far it is.
        revision: of the execution since it has switched.
        plan: what it does.
        reason: why it has come to nothing, or has been taken back.
        began_at: ISO 8601 in UTC.
        ended_at: likewise.
        canary: the figures of its trial.
    """

    number: int
    state: ReloadState
    revision: int
    plan: ReloadPlan
    began_at: str
    reason: str = ""
    ended_at: str | None = None
    canary: CanaryReport | None = None


class ReloadedExecution(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The outcome for one execution of what was replaced, where its executions were to follow.

    Attributes:
        execution_id: the execution.
        state: of its reload; ``refused`` also where it could not begin.
        reason: why, where it was refused or is taken back.
    """

    execution_id: str
    state: ReloadState
    reason: str = ""


class HandledBy(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The handler of a node that was changed while its execution ran.

    Attributes:
        version: that its author gives the component.
        revision: of the execution in which it began; a node that was never changed is of revision 1.
    """

    version: str
    revision: int
