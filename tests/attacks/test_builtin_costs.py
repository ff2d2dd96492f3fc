"""Built-in components that look into values: what a message costs is bounded, whatever its graph's author wrote.

Each case is a configuration and a message that multiply: many fields times a large value, long paths times deep
values. The message is taken or refused by itself, in few seconds of work, of which no step keeps others waiting.
"""

import json
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
import trio

from engine.builtin.compute_arithmetic import ARITHMETIC
from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.data_json_transform import json_transform
from engine.builtin.io_http_request import http_request, open_client
from engine.builtin.logic_filter_switch import FIELD_FILTER, SWITCH
from engine.builtin.routine_steps import ROUTINE_STEPS
from engine.builtin.state_join import JOIN
from engine.builtin.state_latest import LATEST
from engine.builtin.state_rollup import ROLLUP
from engine.builtin.state_window import WINDOW
from engine.builtin.transform_map import FIELD_MAP
from engine.contracts.component import Component
from engine.contracts.handler import Outcome
from proto.codec import encode
from tests.attacks.steps import measured_steps
from tests.engine.builtin.harness import driven
from tests.service.serving import open_service, single

WORK_SECONDS = 3.0
"""Of one message or batch, on a slow machine; before the bounds were there it was 40 s and more."""

STEP_SECONDS = 0.045

STEPS = {
    component.definition.id.rpartition(".")[2]: component
    for component in ROUTINE_STEPS
    if not isinstance(component, ExpressionComponent)
}

BROAD = b"{" + b",".join(b'"k%d":%d' % (index, index) for index in range(80_000)) + b"}"
"""A megabyte of keys."""

VERY_BROAD = b"{" + b",".join(b'"k%d":1' % index for index in range(700_000)) + b"}"
"""Nine megabytes of them."""

DEEP = b'{"a":' * 199 + b'"' + b"x" * 9_900_000 + b'"' + b"}" * 199
"""Ten megabytes at the end of 199 fields."""

HEAVY = b'{"a":' + b"[" + b"[]," * 3_000_000 + b'[]],"b":1}'
"""Ten megabytes of small lists beside a number."""

LONG_PATH = ".".join(["a"] * 199)
NAMES = [f"k{index}" for index in range(1_000)]
HOST = "http://127.0.0.1:9/?"


def placeholders(*paths: str, between: str = "") -> str:
    """These paths in braces."""
    return between.join(f"{{{path}}}" for path in paths)


SUM = placeholders(*NAMES[:140], between="+")
LONG_SUM = placeholders(*("a." * 60 + name for name in NAMES[:7]), between="+")
REQUEST = http_request(open_client)
PATH = json_transform()
JOINED = {name: name for name in NAMES}

CASES: dict[str, tuple[Component, dict[str, Any], bytes]] = {
    "map: many fields of a broad object": (FIELD_MAP, {"mapping": JOINED}, BROAD),
    "map: many fields of a very broad object": (FIELD_MAP, {"mapping": JOINED}, VERY_BROAD),
    "map: many names for one large field": (FIELD_MAP, {"mapping": dict.fromkeys(NAMES, "a")}, HEAVY),
    "map: many long paths into a deep object": (
        FIELD_MAP,
        {"mapping": {name: f"{LONG_PATH}.{name}" for name in NAMES}},
        DEEP,
    ),
    "url: many placeholders": (REQUEST, {"url": HOST + placeholders(*NAMES)}, BROAD),
    "url: one placeholder of ten megabytes": (
        REQUEST,
        {"url": HOST + placeholders("a")},
        b'{"a":"%s"}' % (b"/" * 9_900_000),
    ),
    "url: a long path into a deep object": (REQUEST, {"url": HOST + placeholders(LONG_PATH)}, DEEP),
    "json-transform: a long path": (PATH, {"path": LONG_PATH}, DEEP),
    "json-transform: one key of very many": (PATH, {"path": "k5"}, VERY_BROAD),
    "arithmetic: many fields": (ARITHMETIC, {"expression": SUM}, BROAD),
    "arithmetic: many fields of a very broad object": (ARITHMETIC, {"expression": SUM}, VERY_BROAD),
    "arithmetic: long paths": (ARITHMETIC, {"expression": LONG_SUM}, DEEP),
    "arithmetic: ten megabytes that are no number": (
        ARITHMETIC,
        {"expression": "{a}"},
        b'{"a":"%sx"}' % (b"1" * 9_900_000),
    ),
    "arithmetic: ten megabytes of digits": (ARITHMETIC, {"expression": "{a}"}, b'{"a":%s}' % (b"1" * 9_900_000)),
    "filter: ten megabytes in one text": (
        FIELD_FILTER,
        {"field": "a", "op": "contains", "value": "ab" * 1_000},
        b'{"a":"%s"}' % (b"a" * 9_900_000),
    ),
    "filter: a heavy field": (FIELD_FILTER, {"field": "a", "op": "contains", "value": 1}, HEAVY),
    "filter: a long path": (FIELD_FILTER, {"field": LONG_PATH, "op": "exists"}, DEEP),
    "switch: one key of very many": (SWITCH, {"field": "k5", "ports": ["a"]}, VERY_BROAD),
    "latest: a key of ten megabytes": (LATEST, {"keyField": "a"}, b'{"a":"%s"}' % (b"\\n" * 4_900_000)),
    "join: one key of very many": (JOIN, {"select": JOINED, "keyField": "k5", "valueField": "k6"}, VERY_BROAD),
    "rollup: one key of very many": (
        ROLLUP,
        {"expected": ["1"], "keyField": "k5", "valueField": "k6"},
        VERY_BROAD,
    ),
    "window: one key of very many": (WINDOW, {"field": "k5"}, VERY_BROAD),
    "say: many placeholders": (STEPS["say"], {"content": placeholders(*NAMES[:200])}, BROAD),
    "say: many placeholders of a very broad object": (
        STEPS["say"],
        {"content": placeholders(*NAMES[:200])},
        VERY_BROAD,
    ),
    "say: long paths": (STEPS["say"], {"content": placeholders(LONG_PATH, LONG_PATH + ".b")}, DEEP),
    "remember: a long path": (STEPS["remember"], {"key": "x", "field": LONG_PATH}, DEEP),
    "remember: very many variables": (
        STEPS["remember"],
        {"key": "x"},
        b'{"value":1,"variables":%s}' % VERY_BROAD,
    ),
    "recall: very many variables": (STEPS["recall"], {"key": "x"}, b'{"variables":%s,"value":1}' % VERY_BROAD),
    "recall: a very broad object": (STEPS["recall"], {"key": "x", "default": 1}, VERY_BROAD),
}

CASES |= {
    f"strict {name}": (component, {**config, "strict": True}, message)
    for name, (component, config, message) in CASES.items()
    if "strict" in component.definition.config
}


@pytest.mark.parametrize(("component", "config", "message"), CASES.values(), ids=CASES)
async def test_no_message_is_worth_more_than_its_share(
    component: Component, config: dict[str, Any], message: bytes
) -> None:
    """One message, as unpleasant as can be: little work, in short steps, in little memory."""
    async with driven(component, **config) as driver:
        tracemalloc.start()
        (outcome,) = await driver.send(message)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sum(len(text) for _, text in outcome.emissions) < 12_000_000
        assert peak_bytes < 80_000_000
        started = time.thread_time()
        with measured_steps() as steps:
            await trio.lowlevel.checkpoint()  # what goes before, and what comes after, are steps of their own
            (outcome,) = await driver.send(message)
            await trio.lowlevel.checkpoint()
        assert time.thread_time() - started < WORK_SECONDS
        assert steps.longest_seconds < STEP_SECONDS


BATCHES: dict[str, tuple[Component, dict[str, Any], Sequence[Any]]] = {
    "map": (FIELD_MAP, {"mapping": JOINED}, [json.loads(BROAD[: BROAD.index(b',"k1000"')] + b"}")] * 64),
    "say": (STEPS["say"], {"content": placeholders(*NAMES[:200])}, [dict.fromkeys(NAMES[:200], 1)] * 64),
    "remember": (
        STEPS["remember"],
        {"key": "x", "value": placeholders(*NAMES[:200])},
        [dict.fromkeys(NAMES[:200], 1)] * 64,
    ),
    "recall": (STEPS["recall"], {"key": "x", "default": "x" * 1_000_000}, [1] * 64),
    "filter": (FIELD_FILTER, {"op": "eq", "value": list(range(100_000))}, [list(range(18_000))] * 2),
    "numbers of arrays": (FIELD_FILTER, {"op": "gt", "value": 1}, [[0.5] * 30_000] * 4),
    "texts of arrays": (FIELD_FILTER, {"op": "contains", "value": "x"}, [[1e-7] * 6_000] * 8),
    "contains": (FIELD_FILTER, {"op": "contains", "value": ["x"] * 200_000}, ["y" * 100] * 64),
    "deep paths": (
        FIELD_MAP,
        {"mapping": {name: f"{LONG_PATH}.{name}" for name in NAMES}},
        [DEEP[:995] + b"1" + b"}" * 199] * 64,
    ),
}

BATCHES |= {
    f"strict {name}": (component, {**config, "strict": True}, messages)
    for name, (component, config, messages) in BATCHES.items()
    if "strict" in component.definition.config
}


@pytest.mark.parametrize(("component", "config", "messages"), BATCHES.values(), ids=BATCHES)
async def test_a_batch_of_expensive_messages_is_handled_in_turns(
    component: Component, config: dict[str, Any], messages: Sequence[Any]
) -> None:
    """However many small messages come at once, others have their turn between them."""
    async with driven(component, **config) as driver:
        texts = [encode(message) for message in messages]
        with measured_steps() as steps:
            await trio.lowlevel.checkpoint()
            outcomes = await driver.send(*texts)
            await trio.lowlevel.checkpoint()
        assert all(isinstance(outcome, Outcome) for outcome in outcomes)
        assert steps.longest_seconds < STEP_SECONDS


WIRED: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "map": ("symbia.transform.map", {"mapping": JOINED}, BROAD),
    "arithmetic": ("symbia.compute.arithmetic", {"expression": SUM}, VERY_BROAD),
    "filter": ("symbia.logic.filter", {"field": LONG_PATH, "op": "exists"}, DEEP),
    "say": ("symbia.routine.say", {"content": placeholders(*NAMES[:200])}, VERY_BROAD),
}


@pytest.mark.parametrize(("component", "config", "value"), WIRED.values(), ids=WIRED)
async def test_nobody_waits_for_a_message_that_came_over_the_wire(
    component: str, config: dict[str, Any], value: bytes
) -> None:
    """From the socket to the error port or the output, through a real service, no step is long."""
    async with open_service() as service:
        execution_id = await service.start(single(component, config=config, onError="continue"))
        port = "input" if "routine" in component else "in"
        body = b'{"nodeId":"only","port":"%s","value":%s}' % (port.encode(), value)
        with measured_steps() as steps:
            path = f"/api/executions/{execution_id}/inject?wait=20000"
            reply = await service.client.post(path, content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 200, reply.text
        assert reply.json()["drained"] is True
        assert steps.longest_seconds < STEP_SECONDS, steps.where
