"""Limits that a component asks for: accepted, refused, and handed to its guests."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.components.guest_limits import check_limits, limits_for, maximum_limits
from engine.errors import InvalidComponentError
from engine.runtime import Runtime, open_runtime
from engine.testing.workbench import open_workbench
from proto.component import ExecutionLimits
from proto.problem import Problem
from wasm_host.limits import MAXIMUM_LIMITS, GuestLimits

FIELDS = msgspec.structs.fields(ExecutionLimits)
SOME_LIMITS = st.builds(ExecutionLimits, **{field.name: st.none() | st.integers(1, 2**40) for field in FIELDS})


def component(source: str, limits: dict[str, object]) -> dict[str, object]:
    """A definition that asks for limits."""
    return {
        "id": "custom.limited",
        "name": "Limited",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source, "limits": limits},
    }


async def problems(runtime: Runtime, source: str, limits: dict[str, object]) -> tuple[Problem, ...]:
    """What a registration is refused for."""
    with pytest.raises(InvalidComponentError) as caught:
        await runtime.library.register_component(component(source, limits))
    return caught.value.problems


@given(SOME_LIMITS, SOME_LIMITS)
def test_guests_get_what_was_asked_for_within_the_maximum(
    asked: ExecutionLimits, allowed: ExecutionLimits
) -> None:
    """Each limit is the one asked for or the default, within the maximum; only too much is a problem."""
    maximum = maximum_limits(allowed)
    given_limits = limits_for(asked, maximum)
    for field in FIELDS:
        most = getattr(allowed, field.name) or getattr(MAXIMUM_LIMITS, field.name)
        wanted = getattr(asked, field.name) or getattr(GuestLimits(), field.name)
        assert getattr(given_limits, field.name) == min(wanted, most)
    too_high = [
        f"execution.limits.{field.encode_name}"
        for field in FIELDS
        if (getattr(asked, field.name) or 0) > getattr(maximum, field.name)
    ]
    assert [problem.path for problem in check_limits(asked, maximum)] == too_high


async def test_too_much_is_refused_with_everything_else_that_is_wrong() -> None:
    """The problem names the limit, what was asked for and what is allowed; the source's problem comes with it."""
    async with open_runtime(maximum_guest_limits=ExecutionLimits(cpu_ms=500)) as runtime:
        high, broken = await problems(runtime, "let x = ;", {"cpuMs": 1000, "wallMs": 100})
    assert (high.code, high.path) == ("component.limit_too_high", "execution.limits.cpuMs")
    assert high.message == "cpuMs asks for 1,000; this service allows at most 500"
    assert broken.path == "execution.source"


@pytest.mark.parametrize("limits", [{"cpuMS": 1}, {"cpuMs": 0}, {"cpuMs": -5}, {"cpuMs": "1"}, {"cpuMs": 1.5}, []])
async def test_what_is_no_limit_is_refused_where_it_stands(limits: dict[str, object]) -> None:
    """A misspelt name would silently not hold."""
    async with open_runtime() as runtime:
        (problem,) = await problems(runtime, "(c, p, v) => 1", limits)
    assert problem.code == "component.wrong_type"
    assert problem.path.startswith("execution.limits")


async def test_the_limits_hold_for_the_components_own_instances() -> None:
    """What was asked for is what its guests get, in place of the default."""
    async with open_workbench() as workbench:
        await workbench.register(component("(c, p, v) => { while (true); }", {"cpuMs": 25}))
        async with workbench.open("custom.limited") as unit:
            reply = await unit.send("in", 1)
    assert reply.error is not None
    assert reply.error.message == "one invocation computed for 25 ms"


async def test_a_definition_says_its_limits_again() -> None:
    """What is registered is what is shown, in the names of the wire."""
    async with open_runtime() as runtime:
        definition = await runtime.library.register_component(component("(c, p, v) => 1", {"emissions": 5}))
    assert msgspec.to_builtins(definition.execution)["limits"] == {"emissions": 5}
