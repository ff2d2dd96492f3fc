"""Pipelines of Benthos as graphs."""

import copy
import random
from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio.testing
import yaml

from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from service.interchange.benthos.bloblang import expression_of, filter_of, value_of
from service.interchange.benthos.importing import TAKEN, import_pipeline
from service.interchange.benthos.processors import OTHERWISE
from service.interchange.imported import NotImportableError
from tests.interchange.red import edges, said
from tests.interchange.running import Recorder

CONFIG: dict[str, Any] = yaml.safe_load(
    """
input:
  stdin: {}
buffer:
  memory: {}
pipeline:
  threads: 4
  processors:
    - log: {level: INFO, message: 'seen ${! content() }'}
    - mapping: 'root = if this.kind != "order" { deleted() }'
    - jmespath: {query: 'lines[].price'}
    - unarchive: {format: json_array}
    - dedupe: {cache: seen}
    - switch:
        - check: 'this > 100'
          processors:
            - label: dear
              mapping: 'root = this * 2'
        - processors:
            - resource: pause
    - rate_limit: {resource: often}
    - bounds_check: {max_parts: 3}
    - catch:
        - log: {level: ERROR, message: failed}
output:
  switch:
    cases:
      - check: 'this >= 300'
        output: {label: large, stdout: {}}
      - output: {label: small, kafka: {topic: x}}
processor_resources:
  - label: pause
    sleep: {duration: 1m30s}
rate_limit_resources:
  - label: often
    local: {count: 5, interval: 1s}
logger: {level: INFO}
"""
)


def test_a_pipeline_becomes_a_graph() -> None:
    """Processors in a row, cases that meet again, resources in their place; and where messages enter and leave."""
    made = import_pipeline(CONFIG, "orders")
    (graph,) = made.graphs
    assert {node["id"]: node["component"].removeprefix("symbia.") for node in graph.document["nodes"]} == {
        "stdin": "core.passthrough",
        "log": "core.logger",
        "mapping": "core.filter",
        "jmespath": "data.json-transform",
        "unarchive": "core.each",
        "dedupe": "core.dedupe",
        "switch": "core.split",
        "dear": "core.map",
        "switch-2": "core.split",
        "pause": "core.delay",
        "rate-limit": "core.throttle",
        "bounds-check": "benthos.stub",
        "catch": "core.map",
        "log-2": "core.logger",
        "switch-3": "core.split",
        "large": "core.passthrough",
        "switch-4": "core.split",
        "small": "core.passthrough",
    }
    assert {
        *("switch:true > dear:in", "switch:false > switch-2:in", "switch-2:true > pause:in"),
        *("dear:out > rate-limit:in", "pause:out > rate-limit:in", "switch-2:false > rate-limit:in"),
        *("mapping:error > catch:in", "log-2:out > switch-3:in", "bounds-check:out > switch-3:in"),
    } <= edges(graph)
    assert said(made, "byHand") == [
        f"pipeline.processors[7]: It refuses each message until it is written: {OTHERWISE}",
        f"output.switch.cases[1].output: Messages leave the graph at small:out, {TAKEN}",
    ]
    configs = {node["id"]: node.get("config") for node in graph.document["nodes"]}
    assert configs["mapping"] == {"predicate": '!(value?.kind !== "order")'}
    assert configs["pause"] == {"ms": 90_000}
    assert configs["rate-limit"] == {"count": 5, "intervalMs": 1_000}


async def test_what_was_imported_runs(autojump_clock: trio.testing.MockClock) -> None:
    """Without the part that is to be written, an order's prices come out where they belong."""
    config = copy.deepcopy(CONFIG)
    del config["pipeline"]["processors"][7]
    (graph,) = import_pipeline(config, "orders").graphs
    recorder = Recorder({})
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph.document)
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        handle = runtime.execution(execution.id)
        with handle.watch(recorder):
            order = b'{"kind": "order", "lines": [{"price": 150}, {"price": 7}, {"price": 150}, {"price": 120}]}'
            for value in (order, b'{"kind": "note"}'):
                await handle.inject([Injection(node_id="stdin", port="in", value=msgspec.Raw(value))])
            await handle.complete()
            await handle.wait_finished()
    assert recorder.shown == {"large": [300], "small": [240, 7]}
    assert autojump_clock.current_time() >= 90


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ('this.a.b == "x" && !(this.n > 1)', 'value?.a?.b === "x" && ! ( value?.n > 1 )'),
        ("this", "value"),
        ("this.a.uppercase()", None),
        ('this.a.contains("x")', None),
        ("meta('x')", None),
        ("", None),
        ("(this", None),
        ("root.a", None),
        ("this.a this.b", None),
        ("this.a ==", None),
        ("-1 < this", "- 1 < value"),
        ("this; evil()", None),
    ],
)
def test_small_conditions_are_translated(text: str, expression: str | None) -> None:
    """Paths, literals and operators; nothing else is guessed."""
    assert expression_of(text) == expression


def test_small_mappings_are_translated() -> None:
    """One that sets the whole message, and one that deletes some."""
    assert value_of("root = this.a") == "value?.a"
    assert value_of("root.b = this.a") is None
    assert value_of("root = this\nroot.c = 1") is None
    assert filter_of("root = if this.a == null { deleted() }") == "!(value?.a === null)"
    assert filter_of("root = this.a") is None
    assert filter_of("root = deleted()") == "false"
    assert value_of("root = {}") == "({})"


def test_what_each_message_would_fill_in_is_not_guessed() -> None:
    """A duration, a key, a label and a time of day that are reckoned: by hand, or left away with a word."""
    made = import_pipeline(
        {
            "input": {"generate": {"interval": "0 6 * * *", "mapping": "root = {}"}},
            "pipeline": {
                "processors": [
                    {"sleep": {"duration": "${! 3600 - this.x }s"}},
                    {"dedupe": {"key": '${!json("order.id")}'}},
                    {"dedupe": {"key": "${! content() }"}},
                    {
                        "metric": {
                            "type": "gauge",
                            "name": "n",
                            "value": '${! json("n") }',
                            "labels": {"a": "${! x }"},
                        }
                    },
                ]
            },
        },
        "x",
    )
    configs = {node["id"]: node.get("config") for node in made.graphs[0].document["nodes"]}
    assert configs == {
        "generate": {"intervalMs": 1_000},
        "mapping": {"expression": "({})"},
        "sleep": {"type": "sleep"},
        "dedupe": {"key": "order.id"},
        "dedupe-2": {"type": "dedupe"},
        "metric": {"name": "n", "valueField": "n"},
    }
    assert said(made, "byHand")[0] == "input: It fires at certain times; start it from outside at these"
    assert said(made, "approximated")[-1] == (
        "pipeline.processors[3]: Labels that each message fills in are left away"
    )


def test_what_is_no_pipeline_is_refused() -> None:
    """With the reason."""
    documents: list[Any] = [[], {}, {"input": 5}, {"pipeline": {"processors": []}}]
    for document in documents:
        with pytest.raises(NotImportableError):
            import_pipeline(document, "x")
    nested: Any = {"noop": {}}
    for _ in range(30):
        nested = {"try": [nested]}
    with pytest.raises(NotImportableError, match="nested more than"):
        import_pipeline({"pipeline": {"processors": [nested]}}, "x")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, item in items for each in _paths(item, (*path, key)))]


async def test_configurations_that_are_changed_at_random_are_imported_or_refused() -> None:
    """Whatever stands in a field, what is made of it loads."""
    async with open_runtime() as runtime:
        registered = False
        for seed in range(30):
            source = random.Random(seed)
            config = copy.deepcopy(CONFIG)
            for _ in range(source.randint(1, 4)):
                *way, last = source.choice(_paths(config)[1:])
                place: Any = config
                with suppress(KeyError, IndexError, TypeError):
                    for step in way:
                        place = place[step]
                    place[last] = source.choice([None, 5, -1.5, "", "x", [], {}, [5], {"x": 1}, True, "\ud83d"])
            with suppress(NotImportableError):
                made = import_pipeline(config, "x")
                for definition in () if registered else made.components.values():
                    await runtime.library.register_component(definition)
                    registered = True
                problems = await runtime.library.check_graph(made.graphs[0].document)
                assert [each for each in problems if each.code != "config.invalid_path"] == [], seed
