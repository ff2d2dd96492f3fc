"""The limits of a component's instances: the default, what the component asks for, the service's maximum.

The names and numbers of the defaults are ``wasm_host.limits``'s; a definition says them in camelCase.
"""

import msgspec

from proto.component import ExecutionLimits
from proto.problem import Problem
from wasm_host.limits import MAX_INSTANCES, MAXIMUM_LIMITS, GuestLimits

__all__ = ["MAX_INSTANCES", "check_limits", "limits_for", "maximum_limits"]

_WIRE_NAMES = {field.name: field.encode_name for field in msgspec.structs.fields(ExecutionLimits)}
"""Every limit that a component may ask for: its name here, and in a definition."""


def maximum_limits(allowed: ExecutionLimits | None) -> GuestLimits:
    """Return the service's maximum; what it leaves open is the runtime's."""
    return msgspec.structs.replace(MAXIMUM_LIMITS, **_given(allowed))


def limits_for(asked: ExecutionLimits | None, maximum: GuestLimits, *, stateless: bool = False) -> GuestLimits:
    """Return the limits of a component's instances: those it asks for or the default, within the maximum.

    A component that says it is ``stateless`` gets no keys to keep state in: several guests of one node share its
    messages, and each would keep a state of its own.
    """
    default = GuestLimits(state_keys=0) if stateless else GuestLimits()
    given = _given(asked)
    if stateless:
        given.pop("state_keys", None)
    return msgspec.structs.replace(
        default,
        **{name: min(given.get(name, getattr(default, name)), getattr(maximum, name)) for name in _WIRE_NAMES},
    )


def check_limits(asked: ExecutionLimits | None, maximum: GuestLimits) -> list[Problem]:
    """Return a problem for each limit that is asked for beyond the maximum."""
    return [
        Problem(
            "component.limit_too_high",
            f"execution.limits.{_WIRE_NAMES[name]}",
            f"{_WIRE_NAMES[name]} asks for {value:,}; this service allows at most {getattr(maximum, name):,}",
        )
        for name, value in _given(asked).items()
        if value > getattr(maximum, name)
    ]


def _given(limits: ExecutionLimits | None) -> dict[str, int]:
    """Return the limits that are said, by name."""
    if limits is None:
        return {}
    return {name: value for name in _WIRE_NAMES if (value := getattr(limits, name)) is not None}
