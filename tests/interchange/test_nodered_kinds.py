"""Nodes of Node-RED one by one: what each becomes, and what the report says of it."""

import json
from typing import Any

import pytest
import trio

from engine.runtime import open_runtime
from service.interchange.nodered.importing import import_flows
from tests.fakes.small_http import Answer, as_json, serving
from tests.interchange.red import edges, graph, imported, red, said, tab
from tests.interchange.running import run_imported


def node_of(made: Any, name: str) -> Any:
    """Return a node of a graph."""
    return next(node for node in made.document["nodes"] if node["id"] == name)


def test_tabs_that_links_join_are_one_graph() -> None:
    """Others have a graph each, with the name of the tab."""
    made = import_flows(
        [
            *(tab("A"), tab("B"), tab("C")),
            red("a", "inject", "out", z="A"),
            red("out", "link out", z="A", links=["in"]),
            red("in", "link in", "b", z="B"),
            red("b", "debug", z="B"),
            red("c", "debug", z="C"),
        ]
    )
    assert [each.document["name"] for each in made.graphs] == ["A and B", "C"]
    assert edges(made.graphs[0]) == {"a:out > b:in"}
    assert [
        each.document["name"]
        for each in import_flows([tab("A"), tab("C"), red("c", "debug", z="C")], ["C"]).graphs
    ] == ["C"]


def test_a_graph_lives_until_it_is_stopped_as_a_flow_does() -> None:
    """And goes on after errors."""
    assert graph(red("a", "debug")).document["metadata"]["role"] == "service"


def test_an_inject_node_that_repeats_has_a_timer() -> None:
    """What beats faster than a timer can is told; what fires at times of day is for somebody outside."""
    made = imported(
        red("slow", "inject", repeat="5"),
        red("fast", "inject", repeat="0.01"),
        red("cron", "inject", crontab="0 6 * * *"),
    )
    assert edges(made.graphs[0]) == {"slow-timer:out > slow:tick", "fast-timer:out > fast:tick"}
    assert node_of(made.graphs[0], "slow-timer")["config"] == {"intervalMs": 5000}
    assert said(made, "approximated") == ["fast: It repeats every 0.01 s; a timer beats every 0.1 s"]
    assert said(made, "byHand") == [
        "cron: It fires at certain times (0 6 * * *); inject into cron:in at these times from outside"
    ]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (
            "setTimeout(() => node.send(msg), 10);",
            "there are no timers in a component: put a delay node behind it",
        ),
        ("const os = require('os');", "there are no modules in a component: put the code that it needs into it"),
        ("msg.payload = Buffer.from('a');", "there are no Buffers: values are JSON"),
        ("// setTimeout(x)\n/* require('y') */ return msg;", ""),
    ],
)
def test_code_that_asks_for_more_than_is_there_is_told(code: str, remedy: str) -> None:
    """Each thing with what to do; what stands in a comment is no use."""
    wanted = [f"f: Its code asks for more than is there: {remedy}"] if remedy else []
    assert said(imported(red("f", "function", func=code)), "byHand") == wanted


def test_context_goes_along_edges_from_who_writes_to_who_reads() -> None:
    """Where the reader comes first an edge would close a cycle, and where nobody writes there is nothing."""
    made = imported(
        red("reader", "function", "writer", func="msg.payload = flow.get('count') + global.get('lost');"),
        red(
            "writer",
            "function",
            func="flow.set('count', 1); global.set('a.b', flow.get('own')); flow.set('own', 2);",
        ),
        red("other", "switch", property="a.c", propertyType="global", rules=[{"t": "true"}]),
    )
    assert edges(made.graphs[0]) == {"reader:out > writer:in", "writer:context > other:context"}
    assert "writer: reader reads what it writes, and comes before it: an edge would close a cycle" in said(
        made, "byHand"
    )
    assert "reader: It reads global.lost, which nothing in its graph writes" in said(made, "byHand")


def test_variables_of_tabs_groups_and_subflows_are_filled_in() -> None:
    """The innermost counts; one that nobody gives is told."""
    made = import_flows(
        [
            tab(env=[{"name": "A", "value": "tab", "type": "str"}, {"name": "B", "value": "2", "type": "num"}]),
            {"id": "g", "type": "group", "z": "Tab", "env": [{"name": "A", "value": "group", "type": "str"}]},
            red("a", "change", g="g", rules=[{"t": "set", "p": "x", "pt": "msg", "to": "${A}", "tot": "str"}]),
            red("b", "change", rules=[{"t": "set", "p": "x", "pt": "msg", "to": "${B}", "tot": "num"}]),
            red("c", "function", func="return env.get('HOME')"),
        ]
    )
    rules = [node_of(made.graphs[0], name)["config"]["settings"]["red"]["rules"][0]["to"] for name in ("a", "b")]
    assert rules == ["group", 2]
    assert said(made, "byHand") == [
        "c: The environment variable HOME is given nowhere in the file: put its value into the node"
    ]


def test_a_request_keeps_its_message_beside_it() -> None:
    """A URL's tags become placeholders; what cannot be carried over is told."""
    made = imported(
        red(
            "get",
            "http request",
            "d",
            method="GET",
            url="https://api.example.com/users/{{payload.id}}?q={{topic}}",
        ),
        red("post", "http request", "d", method="POST", url="api.example.com/{{payload.kind}}"),
        red("any", "http request", "d", method="use", url=""),
        red("gone", "http request", "d", method="DELETE", url="http://x.example/"),
        red("d", "debug"),
    )
    assert said(made, "approximated") == [
        "post: A payload that is text is sent as JSON, in quotes; an object is sent as it was",
        "gone: A DELETE is sent without a body",
    ]
    urls = [node_of(made.graphs[0], f"{name}-request")["config"]["url"] for name in ("get", "post")]
    assert urls == ["https://api.example.com/users/{payload.id}?q={topic}", "http://api.example.com/{kind}"]
    assert said(made, "byHand") == [
        "any: The method is what msg.method says; put the one that is meant into the node",
        "any: The address is in msg.url; put the address into the node's url",
    ]


async def test_a_file_of_subflows_alone_is_graphs_that_others_can_use() -> None:
    """Those that no other one uses, with their inputs and outputs as ports."""
    made = import_flows(
        [
            {"id": "inner", "type": "subflow", "name": "Inner", "in": [], "out": []},
            red("quiet", "function", z="inner"),
            {
                "id": "outer",
                "type": "subflow",
                "name": "Add one",
                "in": [{"wires": [{"id": "add"}]}],
                "out": [{"wires": [{"id": "add", "port": 0}]}, {"wires": [{"id": "add", "port": 1}]}],
            },
            red("add", "function", [], [], z="outer", outputs=2, func="msg.payload += 1; return [msg, msg];"),
            red("use", "subflow:inner", z="outer"),
        ]
    )
    (each,) = made.graphs
    assert each.document["name"] == "Add one"
    assert each.document["ports"] == {
        "inputs": [{"name": "in", "bind": [{"node": "add", "port": "in"}]}],
        "outputs": [
            {"name": "out1", "bind": [{"node": "add", "port": "out1"}]},
            {"name": "out2", "bind": [{"node": "add", "port": "out2"}]},
        ],
    }
    outer = {
        "symbia": "1.0",
        "name": "Uses it",
        "nodes": [{"id": "sum", "graph": each.document}],
        "edges": [],
    }
    async with open_runtime() as runtime:
        for name in each.components:
            await runtime.library.register_component(made.components[name])
        assert not await runtime.library.check_graph(outer)


def test_a_variable_that_is_an_empty_number_is_none() -> None:
    """The editor writes a number that nobody has given as an empty text."""
    made = import_flows([tab(env=[{"name": "N", "type": "num", "value": ""}]), red("f", "function")])
    assert node_of(made.graphs[0], "f")["config"]["settings"]["env"] == {"N": 0}


async def test_a_request_is_answered_with_its_message() -> None:
    """Its message stays; text is text, objects are objects, and a server that is not there is told, too."""

    async def answering(method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        await trio.lowlevel.checkpoint()
        del method, headers
        return as_json(201, {"asked": target, "sent": json.loads(body or b"null")})

    async with serving(answering) as url:
        where = f"{url}/a/{{{{payload.id}}}}"
        made = imported(
            red("press", "inject", ["get", "post", "gone"], props=[{"p": "topic", "v": "t", "vt": "str"}]),
            red("get", "http request", "got", method="GET", ret="txt", url=where),
            red("post", "http request", "posted", method="POST", ret="obj", url=where),
            red("gone", "http request", "failed", method="GET", ret="obj", url="http://127.0.0.1:9/"),
            *(red("got", "debug", complete="true"), red("posted", "debug", complete="true")),
            red("failed", "debug", complete="statusCode"),
        )
        shown, _ = await run_imported(made, [{"node": "press", "value": {"payload": {"id": "x y"}}}])
    kept = [{key: each[0][key] for key in ("topic", "statusCode")} for each in (shown["got"], shown["posted"])]
    assert kept == [{"topic": "t", "statusCode": 201}] * 2
    assert shown["got"][0]["payload"].replace(" ", "") == '{"asked":"/a/x%20y","sent":null}'
    assert shown["posted"][0]["payload"] == {"asked": "/a/x%20y", "sent": {"id": "x y"}}
    assert shown["failed"] == ["HttpRequestFailed"]


async def test_requests_find_their_http_in_node() -> None:
    """By method and path, with parameters, the query and the body; what fits none is an error."""
    made = imported(
        red("list", "http in", "answer", method="get", url="/people"),
        red("one", "http in", "answer", method="get", url="/people/:id"),
        red("add", "http in", "answer", method="post", url="/people"),
        red(
            "answer",
            "function",
            "reply",
            func="msg.payload = [msg.req.params, msg.req.query, msg.payload]; return msg;",
        ),
        red("reply", "http response", statusCode="", headers={}),
    )
    assert made.graphs[0].document["metadata"]["ingress"] == {"node": "http-entry", "port": "in"}
    requests = [
        {"req": {"method": "GET", "url": "/people?page=2&q=a+b"}},
        {"req": {"method": "GET", "url": "/people/a%20b"}},
        {"req": {"method": "POST", "url": "/people"}, "payload": {"name": "Ada"}},
        {"req": {"method": "GET", "url": "/elsewhere"}},
    ]
    shown, errors = await run_imported(made, [{"node": "http-entry", "value": request} for request in requests])
    assert [each["payload"] for each in shown["reply"]] == [
        [{}, {"page": "2", "q": "a b"}, {"page": "2", "q": "a b"}],
        [{"id": "a b"}, {}, {}],
        [{}, {}, {"name": "Ada"}],
    ]
    known = "there are GET /people, GET /people/:id, POST /people"
    assert errors == [f"http-entry: Error: No http in node is for GET /elsewhere; {known}"]


async def test_a_setup_that_fails_leaves_the_graph_running() -> None:
    """Its node refuses messages, and others go on, as in Node-RED."""
    made = imported(
        red("press", "inject", ["broken", "d"], props=[{"p": "payload", "v": "1", "vt": "num"}]),
        red("broken", "function", "d", func="return msg;", initialize="throw new Error('no setup')"),
        red("d", "debug", complete="payload"),
    )
    shown, errors = await run_imported(made, [{"node": "press"}, {"node": "press", "value": {"payload": 5}}])
    assert shown["d"] == [1, 5]
    assert [line.split(": ", 1)[1] for line in errors] == ["Error: no setup"] * 2


def test_what_looks_like_a_placeholder_stays_text() -> None:
    """In a template of Node-RED it means nothing, so its dollar is doubled."""
    made = graph(red("t", "template", template="${param.x} $${env.Y} ${other.z} {{payload}}"))
    text = node_of(made, "t")["config"]["settings"]["red"]["template"]
    assert text == "$${param.x} $$$${env.Y} ${other.z} {{payload}}"


def test_a_report_is_data() -> None:
    """It can be written as JSON, with the fates and the places."""
    note = imported(red("a", "xml", "b"), red("b", "debug")).notes[0]
    assert json.loads(json.dumps([note.fate, note.place.id, note.place.type, note.place.tab])) == [
        *("byHand", "a", "xml", "Tab")
    ]
