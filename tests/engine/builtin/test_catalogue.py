from engine.builtin.catalogue import builtins

SPECIFIED = [
    "symbia.core.passthrough",
    "symbia.core.logger",
    "symbia.core.delay",
    "symbia.core.filter",
    "symbia.core.map",
    "symbia.core.merge",
    "symbia.core.split",
    "symbia.core.accumulator",
    "symbia.io.http-request",
    "symbia.data.json-transform",
]


def test_offers_the_specified_components() -> None:
    """The specification's ten components are offered first, in its order and with its categories."""
    definitions = [item.definition for item in builtins()][: len(SPECIFIED)]
    assert [definition.id for definition in definitions] == SPECIFIED
    assert [definition.category for definition in definitions] == ["core"] * 8 + ["io", "data"]


def test_definitions_are_complete() -> None:
    """Every component, port and configuration key is described; every key has a default, or says why not."""
    for item in builtins():
        definition = item.definition
        assert definition.execution.type == "builtin"
        assert definition.description
        for port in (*definition.ports.inputs, *definition.ports.outputs):
            assert port.description, f"{definition.id}:{port.name}"
            assert port.schema, f"{definition.id}:{port.name}"
        for key, field in definition.config.items():
            assert field.description, f"{definition.id}.{key}"


def test_what_holds_values_is_not_stateless() -> None:
    """A node may run several invocations at once of all but the components that hold values."""
    stateful = {item.definition.id for item in builtins() if not item.definition.stateless}
    core = {"symbia.core.delay", "symbia.core.merge", "symbia.core.accumulator"}
    assert stateful == {*core, "symbia.routine.wait"}
