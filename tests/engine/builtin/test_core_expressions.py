import pytest

from engine.builtin.core_expressions import FILTER, MAP, SPLIT, ExpressionComponent


@pytest.mark.parametrize("component", [FILTER, MAP, SPLIT])
def test_keys_exist(component: ExpressionComponent) -> None:
    """Each key that may hold the expression is a text, and required where it is the only one."""
    fields = component.definition.config
    assert set(component.keys) == set(fields)
    assert all(field.type == "string" for field in fields.values())
    assert all(field.required == (len(component.keys) == 1) for field in fields.values())


@pytest.mark.parametrize(
    ("component", "mode", "outputs"),
    [
        (FILTER, "test", ["out", "rejected", "error"]),
        (MAP, "map", ["out", "error"]),
        (SPLIT, "test", ["true", "false", "error"]),
    ],
)
def test_outputs_stand_in_the_order_of_the_mode(
    component: ExpressionComponent, mode: str, outputs: list[str]
) -> None:
    """What a truthy test, or a result, leaves by is output 0; what a falsy one leaves by is output 1."""
    assert component.mode == mode
    assert [port.name for port in component.definition.ports.outputs] == outputs
