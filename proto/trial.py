"""Trials: a component tried on sample messages, alone and aside, and what was seen of it."""

from typing import Any, Literal

import msgspec

from proto.problem import Finding

TrialMoment = Literal["initialize", "send", "advance", "flush", "cleanup"]


class TrialRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A component, and what it is tried on.

    Attributes:
        component: the id of one that is there, or a definition, which is not kept.
        config: as a graph's node would give it.
        send: steps in order, as in a case: ``{port: value}`` sends, ``{"advance": "5s"}`` lets time pass.
        flush: whether it is told at the end that no further message comes.
        cases: test cases, each with an instance of its own, after the steps.
    """

    component: str | dict[str, Any]
    config: dict[str, Any] = {}
    send: tuple[dict[str, Any], ...] = ()
    flush: bool = True
    cases: tuple[dict[str, Any], ...] = ()


class TrialEmission(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A value that it emitted, or how large that is, where the reply has no room for it."""

    port: str
    value: Any = msgspec.UNSET
    omitted_bytes: int = 0


class TrialLine(msgspec.Struct, frozen=True):
    """A line that it logged."""

    level: str
    message: str


class TrialError(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error of one call; ``line`` and ``column`` are its author's, where they are known."""

    name: str
    message: str
    stack: str = ""
    line: int | None = None
    column: int | None = None


class TrialStep(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One call, and all that came of it.

    Attributes:
        moment: the call.
        index: the place of its step in ``send``, from 0; -1 for what no step asked for.
        port: the input port of a message.
        emissions: what it emitted.
        logs: what it logged.
        error: why it failed.
        duration_ms: how long it took, in earnest.
    """

    moment: TrialMoment
    index: int = -1
    port: str = ""
    emissions: tuple[TrialEmission, ...] = ()
    logs: tuple[TrialLine, ...] = ()
    error: TrialError | None = None
    duration_ms: float = 0.0


class TrialVerdict(msgspec.Struct, frozen=True, rename="camel"):
    """The verdict on one test case: all that was not as it expects, and how long it took."""

    name: str
    passed: bool
    complaints: tuple[str, ...] = ()
    duration_ms: float = 0.0


class TrialReply(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome of a trial.

    Attributes:
        valid: whether the component could be tried at all.
        problems: why not; with the line and the column in its source, where they are known.
        steps: the calls, in order.
        state: what it kept at the end, before its cleanup.
        state_omitted_bytes: how large that is, where it is left out.
        memory_bytes: linear memory of its guest at the end; 0 where it is built in.
        cpu_ms: how long it computed, cases left out.
        truncated: whether there was more than the reply has room for.
        cases: the verdicts, in order.
    """

    valid: bool
    problems: tuple[Finding, ...] = ()
    steps: tuple[TrialStep, ...] = ()
    state: dict[str, Any] = {}
    state_omitted_bytes: int = 0
    memory_bytes: int = 0
    cpu_ms: float = 0.0
    truncated: bool = False
    cases: tuple[TrialVerdict, ...] = ()
