"""The types of steps: the component of each, what it needs to run, and whether a model may serve it."""

import msgspec

from engine.builtin.routine_steps import ROUTINE_STEPS
from engine.contracts.component import output_names

CALL_TARGET = "routineName"
"""The param in which a ``call`` names a routine."""


class StepKind(msgspec.Struct, frozen=True):
    """A type of step.

    Attributes:
        component: the id of what it compiles to.
        goes_on_by: the output port that leads to the next step.
        params: those that it reads.
        needs: params of which it wants one; without it only a language model could carry it out.
        uses_model: whether it is given the ``llm`` configuration.
        reads_variables: whether it is given the variables with their defaults.
    """

    component: str
    goes_on_by: str
    params: tuple[str, ...]
    needs: tuple[str, ...]
    uses_model: bool
    reads_variables: bool


_NEEDS = {
    "remember": ("key",),
    "recall": ("key",),
    "check": ("condition", "field", "op", "value"),
    "call": (CALL_TARGET,),
    "repeat": ("times",),
}
_USES_MODEL = frozenset({"say", "ask", "think", "check"})
_READS_VARIABLES = frozenset({"say", "remember", "recall", "check"})
_GIVEN_OTHERWISE = frozenset({"description", "llm", "*"})


def _kinds() -> dict[str, StepKind]:
    kinds = {}
    for component in ROUTINE_STEPS:
        definition = component.definition
        step_type = definition.id.rpartition(".")[2]
        kinds[step_type] = StepKind(
            component=definition.id,
            goes_on_by=output_names(definition)[0],
            params=tuple(key for key in definition.config if not (key.startswith("_") or key in _GIVEN_OTHERWISE)),
            needs=_NEEDS.get(step_type, ()),
            uses_model=step_type in _USES_MODEL,
            reads_variables=step_type in _READS_VARIABLES,
        )
    return kinds


STEP_KINDS = _kinds()
"""The kinds of steps by the name of the type, in the platform's order."""

NEVER_WITHOUT_MODEL = frozenset({"ask", "think"})
"""Types that no params could make executable."""
