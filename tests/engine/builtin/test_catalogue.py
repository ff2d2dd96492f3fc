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


def test_offers_the_platform_s_components() -> None:
    """All sixteen components of the platform are offered, with their ports by its names."""
    ports = {
        item.definition.id: [port.name for port in item.definition.ports.outputs if port.name != "error"]
        for item in builtins()
    }
    expected = {
        "io.passthrough": ["out"],
        "io.collect": ["out"],
        "io.log": ["out"],
        "io.delay": ["out"],
        "io.http-request": ["out"],
        "transform.map": ["out"],
        "logic.filter": ["pass", "fail"],
        "logic.switch": ["default"],
        "compute.arithmetic": ["out"],
        "state.latest": ["out", "snapshot"],
        "state.join": ["out", "pending"],
        "state.window": ["out"],
        "state.rollup": ["out"],
        "source.timer": ["out"],
        "sink.metric": ["out"],
        "sink.log": ["out"],
    }
    assert {name: ports[f"symbia.{name}"] for name in expected} == expected
    for item in builtins():
        if item.definition.id.removeprefix("symbia.") in expected:
            assert "in" in [port.name for port in item.definition.ports.inputs]


def test_lanes_are_explained() -> None:
    """A port that says more of its lane than that it inherits says why."""
    for item in builtins():
        for port in item.definition.ports.outputs:
            assert (port.lane == "inherit") == (not port.lane_note), f"{item.definition.id}:{port.name}"


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
    holders = ("delay", "merge", "accumulator", "gather", "group", "join", "throttle", "debounce", "dedupe")
    core = {f"symbia.core.{name}" for name in holders}
    state = {f"symbia.state.{name}" for name in ("latest", "join", "window", "rollup")}
    data = {f"symbia.data.{name}" for name in ("sample", "sequence", "sort", "aggregate", "enrich")}
    sources = {"symbia.source.generate", "symbia.source.timer"}
    assert stateful == {*core, *state, *data, *sources, "symbia.io.delay", "symbia.routine.wait"}
