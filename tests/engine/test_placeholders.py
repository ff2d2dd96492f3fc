"""Graphs with placeholders: what is refused when they are loaded and executed, and what their instances get."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest

from engine.contracts.observer import FlowObserver
from engine.contracts.surroundings import UNKNOWN_SURROUNDINGS, SameForAll, Surroundings
from engine.errors import InvalidGraphError, InvalidParametersError
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection

SECRET = "a-very-secret-token"
AROUND = Surroundings(env={"REGION": "eu", "DELAY": "5", "ON": "true"}, secrets={"api.key": SECRET})
PARAMETERS = {
    "rate": {"type": "number", "minimum": 0, "default": 2},
    "who": {"type": "string"},
    "rates": {"type": "object", "default": {"eur": [1, {"deep": 7}]}},
}


class Outputs(FlowObserver):
    """Keeps what leaves a graph, decoded."""

    hears_hops = False

    def __init__(self) -> None:
        self.values: list[Any] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del node_id, port
        self.values.append(json.loads(value))

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        del node_id, port, lane
        self.values.append(json.loads(value))


def as_given(parameters: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    """The values as an execution is given them."""
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in parameters.items()}


def graph_of(config: Mapping[str, Any], component: str = "symbia.core.logger", **fields: Any) -> dict[str, Any]:
    """A graph of one node."""
    node = {"id": "node", "component": component, "config": config}
    return {"symbia": "1.0", "name": "g", "nodes": [node], "edges": [], **fields}


@asynccontextmanager
async def a_runtime(around: Surroundings = AROUND) -> AsyncIterator[Runtime]:
    """A runtime whose graphs may use what is around."""
    async with open_runtime(vault=SameForAll(around)) as runtime:
        yield runtime


async def problems_in(runtime: Runtime, graph: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What is wrong with a graph: code, place, message."""
    return [(each.code, each.path, each.message) for each in await runtime.library.check_graph(graph)]


async def run(
    runtime: Runtime, graph: dict[str, Any], *values: Any, parameters: Mapping[str, Any] | None = None
) -> tuple[list[Any], list[str], Any]:
    """What a graph of one node emits, what it logs, and how it ends."""
    loaded = await runtime.library.load_graph(graph)
    outputs = Outputs()
    watching = ExitStack()

    def watch(execution_id: str) -> None:
        watching.enter_context(runtime.execution(execution_id).watch(outputs))

    inputs = tuple(Injection("node", "in", msgspec.Raw(msgspec.json.encode(value))) for value in values)
    options = ExecuteOptions(inputs=inputs, parameters=as_given(parameters or {}))
    with watching:
        started = await runtime.execute(loaded.id, options, on_created=watch)
        ended = await runtime.execution(started.id).wait_finished()
    return outputs.values, [line.message for line in runtime.execution(started.id).logs()], ended


@pytest.mark.parametrize(
    ("config", "code", "path", "said"),
    [
        ({"message": "${param.wo}"}, "placeholder.unknown", "message", "did you mean param.who?"),
        ({"message": "${env.REGON}"}, "placeholder.unknown", "message", "did you mean env.REGION?"),
        ({"message": "${param.rat e}"}, "placeholder.malformed", "message", "stands a name, or a path"),
        ({"message": "x ${env.REGION"}, "placeholder.malformed", "message", "not closed"),
        ({"message": "${param.rates.usd}"}, "placeholder.no_value", "message", "no usd; it has eur"),
        ({"message": "${param.rates.eur.2}"}, "placeholder.no_value", "message", "no 2"),
        ({"message": "${secret.api.key}"}, "placeholder.secret_not_taken", "message", "takes none"),
        ({"level": "${param.rate}"}, "config.wrong_type", "level", "must be of type string"),
        ({"level": "${env.REGION}"}, "config.not_allowed", "level", "must be one of"),
    ],
)
async def test_a_graph_with_a_placeholder_that_cannot_be_is_refused(
    config: dict[str, Any], code: str, path: str, said: str
) -> None:
    """What can be known when a graph is loaded is said then, with its place and what was meant."""
    async with a_runtime() as runtime:
        ((found, place, message),) = await problems_in(runtime, graph_of(config, parameters=PARAMETERS))
    assert (found, place) == (code, f"nodes[0].config.{path}")
    assert said in message


async def test_what_there_is_none_of_is_said() -> None:
    """Where nothing is declared, allowed or given, the message says whose it is to give."""
    config = {"message": "${param.a} ${env.B} ${secret.c}"}
    async with a_runtime(Surroundings()) as runtime:
        messages = [message for _, _, message in await problems_in(runtime, graph_of(config))]
    assert ["declares no parameters" in messages[0], "GRAPH_ENV_NAMES" in messages[1]] == [True, True]
    assert "SECRETS_FILE" in messages[2]


async def test_a_graph_is_checked_without_knowing_what_is_around_where_it_will_run() -> None:
    """Where nobody can say what there will be, names are taken, and their values are not guessed."""
    config = {"level": "${env.LEVEL}", "message": "${env.A} ${param.b}"}
    async with a_runtime(UNKNOWN_SURROUNDINGS) as runtime:
        problems = await problems_in(runtime, graph_of(config))
    assert [path for _, path, _ in problems] == ["nodes[0].config.message"]
    assert "param.b" in problems[0][2]


async def test_an_instance_gets_the_values_and_the_graph_keeps_the_placeholders() -> None:
    """Values are filled in for the instance; whoever looks at the graph sees what was written."""
    config = {"message": "${param.who} ${param.rate} ${param.rates.eur.1.deep} ${env.REGION} $${param.who}"}
    async with a_runtime() as runtime:
        graph = graph_of(config, parameters=PARAMETERS)
        _, lines, _ = await run(runtime, graph, 1, parameters={"who": "Ada", "rate": 0.5})
        (loaded,) = runtime.library.graphs()
    assert lines == ["Ada 0.5 7 eu ${param.who} 1"]
    assert loaded.definition.nodes[0].config == config
    assert loaded.nodes[0].config["message"] == config["message"]


@pytest.mark.parametrize(
    ("parameters", "code", "path"),
    [
        ({}, "parameter.missing", "parameters.who"),
        ({"who": 7}, "config.misfit", "parameters.who"),
        ({"who": "Ada", "rate": -1}, "config.misfit", "parameters.rate"),
        ({"who": "Ada", "rat": 1}, "config.unknown_key", "parameters.rat"),
        ({"who": "Ada", "rates": {"eur": 1}}, "placeholder.no_value", "nodes[0].config.message"),
        ({"who": "x" * 1_048_576}, "parameter.too_large", "parameters"),
        ({"who": "loud"}, "config.not_allowed", "nodes[0].config.level"),
    ],
)
async def test_parameters_that_lack_or_do_not_fit_refuse_the_execution(
    parameters: dict[str, Any], code: str, path: str
) -> None:
    """Nothing is started, and each problem has its place."""
    config = {"level": "${param.level}", "message": "${param.who} ${param.rates.eur.1}"}
    level = {"level": {"default": "info"}}
    if parameters.get("who") == "loud":
        parameters = {"who": "Ada", "level": "loud"}
    async with a_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph_of(config, parameters={**PARAMETERS, **level}))
        with pytest.raises(InvalidParametersError) as refusal:
            await runtime.execute(loaded.id, ExecuteOptions(parameters=as_given(parameters)))
        assert runtime.executions() == []
    assert [(problem.code, problem.path) for problem in refusal.value.problems] == [(code, path)]


async def test_parameters_of_a_graph_that_declares_none_are_refused() -> None:
    """A name that nobody declared would be ignored otherwise."""
    async with a_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph_of({}))
        with pytest.raises(InvalidParametersError, match="no parameter x; it declares none"):
            await runtime.execute(loaded.id, ExecuteOptions(parameters=as_given({"x": 1})))


async def test_a_value_that_an_execution_gives_is_data() -> None:
    """Whoever executes a graph cannot reach what its author did not name."""
    graph = graph_of({"message": "${param.who}"}, parameters=PARAMETERS)
    async with a_runtime() as runtime:
        _, lines, _ = await run(runtime, graph, 1, parameters={"who": "${secret.api.key} ${env.REGION}"})
    assert lines == ["${secret.api.key} ${env.REGION} 1"]


async def test_the_default_of_a_component_is_no_placeholder() -> None:
    """The author of a component cannot reach what the author of the graph did not name."""
    component = {
        "id": "custom.sly",
        "name": "Sly",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "config": {"key": {"type": "string", "default": "${secret.api.key}", "secret": True}},
        "execution": {"type": "javascript", "source": "(ctx, port) => ctx.emit('out', ctx.config.key)"},
    }
    async with a_runtime() as runtime:
        await runtime.library.register_component(component)
        values, _, _ = await run(runtime, graph_of({}, "custom.sly"), 1)
    assert values == ["${secret.api.key}"]


@pytest.mark.parametrize(
    ("written", "is_number"),
    [("${env.DELAY}", True), ("${param.rate}", True), ("${env.ON}", False), ("1${env.DELAY}", False)],
)
async def test_a_variable_is_read_as_its_key_declares_it(written: str, *, is_number: bool) -> None:
    """Variables are texts; where a number is wanted and they say one, it is one."""
    graph = graph_of({"ms": written}, "symbia.core.delay", parameters=PARAMETERS)
    async with a_runtime() as runtime:
        problems = await problems_in(runtime, graph)
    assert [code for code, _, _ in problems] == ([] if is_number else ["config.wrong_type"])


async def test_programs_see_the_parameters_and_no_secret_among_them() -> None:
    """Nothing is spliced into an expression; a parameter that was made of a secret is not shown to it."""
    expression = "[value * param.rate, `${param.rate}`, Object.keys(param), '${env.REGION}']"
    parameters = {**PARAMETERS, "who": {"type": "string", "default": "key ${secret.api.key}"}}
    async with a_runtime() as runtime:
        graph = graph_of({"expression": expression}, "symbia.core.map", parameters=parameters)
        values, _, _ = await run(runtime, graph, 3, parameters={"rate": 4})
    assert values == [[12, "4", ["rate", "rates"], "${env.REGION}"]]


async def test_executions_with_different_parameters_share_nothing() -> None:
    """Each execution has its own values, also of one graph at the same time."""
    graph = graph_of({"expression": "param.rate"}, "symbia.core.map", parameters={"rate": {}})
    async with a_runtime() as runtime:
        seen = [(await run(runtime, graph, 0, parameters={"rate": rate}))[0] for rate in (1, "two", None)]
    assert seen == [[1], ["two"], [None]]


async def test_a_parameter_made_of_a_secret_may_stand_where_a_secret_may() -> None:
    """A secret stays one however it is passed on."""
    parameters = {"key": {"type": "string", "default": "Bearer ${secret.api.key}"}}
    headers = {"url": "https://example.com", "headers": {"authorization": "${param.key}"}}
    async with a_runtime() as runtime:
        taken = await problems_in(runtime, graph_of(headers, "symbia.io.http-request", parameters=parameters))
        refused = await problems_in(runtime, graph_of({"message": "${param.key}"}, parameters=parameters))
    assert taken == []
    assert [code for code, _, _ in refused] == ["placeholder.secret_not_taken"]


async def test_problems_do_not_quote_secrets() -> None:
    """Whoever is told what is wrong is not told the value."""
    config = {"url": "https://${secret.api.key}/{", "method": "GET", "headers": {"${secret.api.key}": "ä"}}
    async with a_runtime() as runtime:
        problems = await problems_in(runtime, graph_of(config, "symbia.io.http-request"))
    assert problems
    assert SECRET not in str(problems)


LEAKY = {
    "id": "custom.leaky",
    "name": "Leaky",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "config": {"key": {"type": "string", "secret": True}, "label": {"type": "string"}},
    "execution": {
        "type": "javascript",
        "source": """({process(ctx, port, value) {
            const key = ctx.config.key;
            ctx.log('info', `using ${key}`, {key});
            if (value === 'throw') throw new Error(`bad key ${key}`);
            ctx.emit('out', {key, length: key.length, encoded: btoa(`u:${key}`)});
        }})""",
    },
}


async def test_what_a_component_shows_of_its_secret_is_masked() -> None:
    """Log lines, errors, and what leaves the graph do not hold it; the component itself has it."""
    async with a_runtime() as runtime:
        await runtime.library.register_component(LEAKY)
        graph = graph_of({"key": "${secret.api.key}"}, "custom.leaky")
        values, lines, ended = await run(runtime, graph, "emit", "throw")
        logs = str(runtime.execution(ended.id).logs())
    assert values[0]["length"] == len(SECRET)
    assert values[0]["key"] == "***"
    assert lines == ["using ***", "using ***"]
    assert ended.state is ExecutionState.FAILED
    assert SECRET not in f"{values}{logs}{ended}"
    assert "bad key ***" in ended.error.message


async def test_a_secret_enters_a_component_only_by_a_key_that_is_declared_for_one() -> None:
    """The definition says where; other keys of the same component take none."""
    async with a_runtime() as runtime:
        await runtime.library.register_component(LEAKY)
        problems = await problems_in(runtime, graph_of({"label": "${secret.api.key}"}, "custom.leaky"))
    assert [(code, path) for code, path, _ in problems] == [
        ("placeholder.secret_not_taken", "nodes[0].config.label")
    ]


@pytest.mark.parametrize("uses", [1, 25])
async def test_a_graph_has_no_more_placeholders_than_can_be_filled_in_soon(uses: int) -> None:
    """At a node, in what a graph inside is given, in all of the graph: it is told once."""
    many = {"message": "${param.a}" * (1_001 if uses == 1 else 900)}
    inside = {**graph_of({}), "parameters": {"message": {"default": ""}}}
    nodes = [{"id": f"n{index}", "graph": inside, "config": many} for index in range(uses)]
    nodes += [{"id": f"m{index}", "component": "symbia.core.logger", "config": many} for index in range(uses)]
    graph = {**graph_of({}), "nodes": nodes, "edges": [], "parameters": {"a": {"default": ""}}}
    async with a_runtime() as runtime:
        problems = await problems_in(runtime, graph)
    assert {code for code, _, _ in problems} == {"placeholder.too_many"}
    assert len(problems) == 1


async def test_what_is_filled_in_is_bounded_for_the_whole_graph() -> None:
    """A small graph cannot become gigabytes by naming a large parameter at each of its nodes."""
    big = "x" * 900_000
    node = {"component": "symbia.core.logger", "config": {"message": "${param.big}"}}
    nodes = [{"id": f"n{index}", **node} for index in range(20)]
    graph = {**graph_of({}), "nodes": nodes, "parameters": {"big": {}}}
    async with a_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph)
        with pytest.raises(InvalidParametersError) as refusal:
            await runtime.execute(loaded.id, ExecuteOptions(parameters=as_given({"big": big})))
    assert {problem.code for problem in refusal.value.problems} == {"placeholder.too_large"}
    assert EngineLimits().graph_bytes < 20 * len(big)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"a b": {}}, "parameter.wrong_name"),
        ({"a": 1}, "parameter.wrong_type"),
        ({"a": {"type": "number", "default": "x"}}, "parameter.wrong_default"),
        ({"a": {"type": "nothing"}}, "parameter.invalid_schema"),
        ({"a": {"default": "${env.NONE}"}}, "placeholder.unknown"),
        ({"a": {"default": "${param.b}"}, "b": {"default": 1}}, "placeholder.unknown"),
        ({"a": {"type": "integer", "default": "${env.REGION}"}}, "config.misfit"),
    ],
)
async def test_declarations_of_parameters_are_checked(parameters: dict[str, Any], code: str) -> None:
    """Names, schemas and defaults are held to their rules when a graph is loaded."""
    async with a_runtime() as runtime:
        with pytest.raises(InvalidGraphError) as refusal:
            await runtime.library.load_graph(graph_of({}, parameters=parameters))
    assert [problem.code for problem in refusal.value.problems] == [code]


def used(inner: dict[str, Any], config: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A graph with another one written out inside it."""
    node = {"id": "use", "graph": inner, "config": config}
    return {"symbia": "1.0", "name": "outer", "nodes": [node], "edges": [], **fields}


async def test_a_graph_inside_has_the_values_that_its_use_gives() -> None:
    """Values of the execution reach every depth, with their types; none is read again as text."""
    inner = graph_of(
        {"message": "${param.who} ${param.times}$${env.REGION}"}, parameters={"who": {}, "times": {"default": 3}}
    )
    middle = used(inner, {"who": ["${param.whom}", "$${param.x}"]}, parameters={"whom": {"default": "nobody"}})
    outer = used(middle, {"whom": "${param.who}"}, parameters={"who": {"type": "string"}})
    async with a_runtime() as runtime:
        loaded = await runtime.library.load_graph(outer)
        inputs = (Injection("use/use/node", "in", msgspec.Raw(b"1")),)
        options = ExecuteOptions(inputs=inputs, parameters=as_given({"who": "${env.REGION}"}))
        started = await runtime.execute(loaded.id, options)
        await runtime.execution(started.id).wait_finished()
        (line,) = runtime.execution(started.id).logs()
    assert line.message == '["${env.REGION}","${param.x}"] 3${env.REGION} 1'


async def test_programs_inside_see_the_parameters_of_their_own_graph() -> None:
    """``param`` is what the graph declares in which the program is written."""
    inner = graph_of({"expression": "param"}, "symbia.core.map", parameters={"own": {}})
    parameters = {"outer": {"default": 1}, "sum": {"default": 2}}
    graph = used(inner, {"own": "${param.sum}"}, parameters=parameters)
    graph["nodes"].append({"id": "node", "component": "symbia.core.map", "config": {"expression": "param"}})
    graph["edges"] = [{"source": {"node": "node", "port": "out"}, "target": {"node": "use", "port": "in"}}]
    inner["ports"] = {"inputs": [{"name": "in", "bind": {"node": "node", "port": "in"}}]}
    graph["nodes"].append({"id": "seen", "component": "symbia.core.logger"})
    graph["edges"].append({"source": {"node": "node", "port": "out"}, "target": {"node": "seen", "port": "in"}})
    async with a_runtime() as runtime:
        values, lines, _ = await run(runtime, graph, 0)
    assert {"own": 2} in values
    assert lines == ['{"outer":1,"sum":2}']


NAMED = {**graph_of({"message": "${env.REGION}"}), "name": "library"}


async def test_a_graph_that_is_used_by_its_name_names_neither_secrets_nor_variables() -> None:
    """It may be somebody else's: whoever uses it gives it what it needs."""
    header = {"url": "https://example.com", "headers": {"x": "${param.key}"}}
    given = {**graph_of(header, "symbia.io.http-request", parameters={"key": {}}), "name": "given"}
    by_name = {**used({}, {}), "nodes": [{"id": "use", "component": "graph:library"}]}
    with_key = {"id": "use", "component": "graph:given", "config": {"key": "${secret.api.key}"}}
    async with a_runtime() as runtime:
        await runtime.library.load_graph(NAMED)
        await runtime.library.load_graph(given)
        refused = await problems_in(runtime, by_name)
        written_out = await problems_in(runtime, used(graph_of({"message": "${env.REGION}"}), {}))
        handed_over = await problems_in(runtime, {**by_name, "nodes": [with_key]})
    assert [code for code, _, _ in refused] == ["placeholder.not_here"]
    assert written_out == handed_over == []


async def test_a_secret_that_is_handed_to_a_graph_inside_stays_one() -> None:
    """It may stand there only where a secret may, and is masked in what is shown."""
    inner = graph_of({"message": "${param.key}!"}, parameters={"key": {}})
    async with a_runtime() as runtime:
        problems = await problems_in(runtime, used(inner, {"key": ["${secret.api.key}"]}))
    assert [(code, path) for code, path, _ in problems] == [
        ("placeholder.secret_not_taken", "nodes[0].graph.nodes[0].config.message")
    ]


async def test_a_missing_value_of_a_graph_inside_refuses_the_graph_that_uses_it() -> None:
    """No execution could give it."""
    inner = graph_of({"message": "${param.key}"}, parameters={"key": {}})
    async with a_runtime() as runtime:
        problems = await problems_in(runtime, used(inner, {"kay": 1}))
    assert [(code, path) for code, path, _ in problems] == [
        ("config.missing_key", "nodes[0].config.key"),
        ("config.unknown_key", "nodes[0].config.kay"),
    ]
