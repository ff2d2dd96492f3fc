"""Routines: plain steps that an assistant takes, which compile to graphs (platform, "Routines and workspaces")."""

from typing import Any, Literal

import msgspec

from proto.names import Name
from proto.problem import Problem

StepType = Literal["say", "ask", "think", "remember", "recall", "wait", "check", "call", "repeat", "stop"]


class LlmConfig(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The language model that carries a step out, and its parameters.

    Attributes:
        provider: such as ``anthropic``.
        model: the provider's name of it.
        temperature: the freedom with which it answers.
        max_tokens: the greatest length of an answer.
        system_prompt: the text that it is told before anything else.
    """

    provider: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None


class RoutineStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a routine.

    Attributes:
        id: unique in its routine.
        type: the kind of step.
        description: what happens here, in plain words; ``say`` says it where nothing else is given.
        params: parameters of the step; each kind of step has its own.
        llm: wishes of this step other than those of the whole definition.
    """

    id: Name
    type: StepType
    description: str | None = None
    params: dict[str, Any] | None = None
    llm: LlmConfig | None = None


class Routine(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A named sequence of steps.

    Attributes:
        id: the beginning of its nodes' ids.
        name: unique in its definition; ``call`` steps name it.
        steps: taken one after the other.
        trigger: the occasion at which it is taken, in plain words.
        is_main: whether it is where the assistant begins.
    """

    id: Name
    name: Name
    steps: tuple[RoutineStep, ...] | None = None
    trigger: str | None = None
    is_main: bool | None = None


class VariableDefinition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A variable that the steps of a routine share.

    Attributes:
        type: the type of its values, for people.
        description: words for people about what it holds.
        default: its value before any step has set it.
    """

    type: Literal["string", "number", "boolean", "object", "array"]
    description: str | None = None
    default: Any = msgspec.UNSET


class RoutineDefinition(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """All routines of an assistant.

    Attributes:
        symbia: the kind of document that this is.
        name: a name for people.
        version: becomes that of the graphs.
        assistant_id: the beginning of the graphs' names.
        routines: at least one.
        description: words for people.
        alias: the name that the assistant answers to.
        variables: variables by name.
        capabilities: kept for the author.
        llm: the model for all steps that a language model may carry out.
    """

    symbia: Literal["routine/1.0"]
    name: Name
    version: Name
    assistant_id: Name
    routines: tuple[Routine, ...]
    description: str | None = None
    alias: str | None = None
    variables: dict[str, VariableDefinition] | None = None
    capabilities: tuple[str, ...] | None = None
    llm: LlmConfig | None = None


class RoutineVerdict(msgspec.Struct, frozen=True):
    """The verdict on a routine definition: all that is to be said against it.

    Attributes:
        valid: whether it can be loaded.
        errors: the reasons why not.
        warnings: parts that can be loaded and may not be meant so.
    """

    valid: bool
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
