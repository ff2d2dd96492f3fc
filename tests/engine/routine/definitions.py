"""Routine definitions that several tests use."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from proto.routine import StepType

STEP_TYPES: tuple[str, ...] = StepType.__args__  # type: ignore[attr-defined]


def step(step_type: str, step_id: str = "", **params: Any) -> dict[str, Any]:
    """A step, called after its type where nothing else is said."""
    fields = {"id": step_id or step_type, "type": step_type, "description": f"The {step_type} step"}
    return {**fields, "params": params} if params else fields


def routine(name: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A routine whose id is its name in small letters."""
    return {"id": name.lower().replace(" ", "-"), "name": name, "steps": list(steps), **fields}


def definition(*routines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition whose first routine is the main one."""
    first, *others = routines
    return {
        "symbia": "routine/1.0",
        "name": "A test",
        "version": "1.2.0",
        "assistantId": "tester",
        "routines": [{"isMain": True, **first}, *others],
        **fields,
    }


def without_tuples(value: Any) -> Any:
    """A value as JSON gives it back."""
    return msgspec.json.decode(msgspec.json.encode(value))


_NAMES = st.sampled_from(["a", "b", "c", "A b"])
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_PARAM_NAMES = (
    "content",
    "message",
    "key",
    "field",
    "value",
    "default",
    "ms",
    "seconds",
    "condition",
    "op",
    "times",
)
_PARAMS = st.dictionaries(
    st.sampled_from([*_PARAM_NAMES, "description", "llm", "_debug", "x"]),
    _JSON | st.sampled_from(["value > 1", "a.b"]),
)
_CALLS = st.fixed_dictionaries({"routineName": _NAMES | _JSON})
_LLM = st.fixed_dictionaries({}, optional={"provider": st.text(max_size=3) | _JSON, "temperature": _JSON})
_STEPS = st.fixed_dictionaries(
    {"id": st.text(max_size=2) | _NAMES, "type": st.sampled_from(STEP_TYPES)},
    optional={"description": st.text(max_size=5) | _JSON, "params": _PARAMS | _CALLS, "llm": _LLM},
)
_ROUTINES = st.fixed_dictionaries(
    {"id": _NAMES, "name": _NAMES, "steps": st.lists(_STEPS | _JSON, max_size=4)},
    optional={"trigger": st.text(max_size=3) | _JSON, "isMain": st.booleans() | _JSON},
)
_SOUND_STEPS = st.lists(
    st.builds(
        lambda step_type, number, params: {"id": f"s{number}", "type": step_type, "params": params},
        st.sampled_from(STEP_TYPES),
        st.integers(0, 1000),
        _CALLS | st.just({}) | _PARAMS,
    ),
    max_size=4,
    unique_by=lambda each: each["id"],
)
_SOUND_ROUTINES = st.lists(
    st.builds(
        lambda name, steps: {"id": name, "name": name, "steps": steps},
        st.sampled_from(["a", "b", "c"]),
        _SOUND_STEPS,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["name"],
)
_HEAD = {"symbia": st.just("routine/1.0"), "name": _NAMES, "version": _NAMES, "assistantId": _NAMES}
_VARIABLES = st.dictionaries(
    _NAMES, st.fixed_dictionaries({"type": st.just("string")}, optional={"default": _JSON})
)

DOCUMENTS = st.one_of(
    _JSON,
    st.fixed_dictionaries({**_HEAD, "routines": _SOUND_ROUTINES}, optional={"llm": _LLM, "variables": _VARIABLES}),
    st.fixed_dictionaries({**_HEAD, "routines": st.lists(_ROUTINES | _JSON, max_size=3)}),
    st.dictionaries(
        st.sampled_from(["symbia", "name", "version", "assistantId", "routines", "llm", "alias", "capabilities"]),
        _JSON,
    ),
)
"""Anything, and more and more like a definition."""
