"""Where the search begins: graphs, their components and schemas, and what may be done with those that run."""

from tests.stalls.cases import Case, Http
from tests.stalls.recipes import Recipe
from tests.stalls.seeds_values import (
    ESCAPES,
    INJECT,
    KEYS,
    NUMBERS,
    OBJECTS,
    TEXT,
    TREE,
    graph_of,
    injection,
    running,
)

HEAD = '{"symbia":"1.0","name":"Many","version":"1.0.0",'


def many_nodes(node: Recipe, count: int, edges: Recipe = "") -> Recipe:
    """A graph of many nodes."""
    return ["cat", HEAD, '"nodes":[', ["each", node, count, ","], '],"edges":[', edges, "]}"]


CONFIGS: dict[str, tuple[str, Recipe]] = {
    "map fields": ("symbia.transform.map", ["cat", '{"mapping":{', ["each", '"f§":"a"', 1_000, ","], "}}"]),
    "map paths": (
        "symbia.transform.map",
        ["cat", '{"mapping":{"x":"', ["rep", "a.", 198], 'a"}}'],
    ),
    "url": (
        "symbia.io.http-request",
        ["cat", '{"url":"http://127.0.0.1:9/', ["rep", "{a}", 1_000], '"}'],
    ),
    "query": (
        "symbia.io.http-request",
        ["cat", '{"url":"http://127.0.0.1:9/","query":{', ["each", '"q§":"x"', 1_000, ","], "}}"],
    ),
    "arithmetic": ("symbia.compute.arithmetic", ["cat", '{"expression":"', ["each", "{a§}", 140, "+"], '"}']),
    "nested arithmetic": (
        "symbia.compute.arithmetic",
        ["cat", '{"expression":"', ["rep", "(", 400], "{a}", ["rep", ")", 400], '"}'],
    ),
    "powers": ("symbia.compute.arithmetic", '{"expression":"9999999999 * {a} * {a} * {a}"}'),
    "jmespath": ("symbia.data.json-transform", ["cat", '{"path":"', ["rep", "[*]", 90], '"}']),
    "jmespath list": ("symbia.data.json-transform", ["cat", '{"path":"[', ["each", "a§", 100, ","], ']"}']),
    "jmespath sort": ("symbia.data.json-transform", '{"path":"sort_by(@, &b)[*].[a,b]"}'),
    "merge": ("symbia.core.merge", ["cat", '{"mode":"all","inputs":[', ["each", '"i§"', 50_000, ","], "]}"]),
    "equal inputs": ("symbia.core.merge", ["cat", '{"inputs":[', ["each", '"i"', 250_000, ","], "]}"]),
    "switch": ("symbia.logic.switch", ["cat", '{"ports":[', ["each", '"p§"', 50_000, ","], "]}"]),
    "split": ("symbia.core.split", '{"condition":"value.a"}'),
    "accumulator": ("symbia.core.accumulator", '{"count":100000}'),
    "delay": ("symbia.core.delay", '{"ms":60000}'),
    "latest": ("symbia.state.latest", '{"keyField":"a"}'),
    "join": ("symbia.state.join", ["cat", '{"select":{', ["each", '"s§":"a"', 500, ","], "}}"]),
    "window": ("symbia.state.window", '{"size":100000}'),
    "rollup": ("symbia.state.rollup", ["cat", '{"expected":[', ["each", '"e§"', 5_000, ","], "]}"]),
    "filter": ("symbia.logic.filter", '{"field":"a.b.c","op":"contains","value":1}'),
    "core filter": ("symbia.core.filter", '{"predicate":"value.length > 1"}'),
    "core map": ("symbia.core.map", '{"expression":"value"}'),
    "logger": ("symbia.core.logger", "{}"),
    "sink": ("symbia.sink.log", "{}"),
    "unknown keys": ("symbia.core.passthrough", ["cat", "{", ["each", '"u§":1', 100_000, ","], "}"]),
}
"""Components with configs that are hard on them."""


def config_cases() -> list[Case]:
    """Every config, alone and with values."""
    cases = []
    for name, (component, config) in CONFIGS.items():
        document = graph_of(component, config)
        messages = tuple(
            Http("POST", INJECT, injection(value)) for value in (KEYS, OBJECTS, NUMBERS, TREE, TEXT, ESCAPES)
        )
        cases += [
            Case("graph", (Http("POST", "/api/graphs", document),), name),
            Case("config", (*running(document), *messages), name),
            Case(
                "config", (*running(document), Http("POST", INJECT, injection("1"), times=200)), f"{name}, often"
            ),
        ]
    return cases


def graph_cases() -> list[Case]:
    """Documents of graphs, refused and accepted ones."""
    node = '{"id":"n§","component":"symbia.core.passthrough"}'
    chain = '{"id":"e§","source":{"node":"n§","port":"out"},"target":{"node":"n0","port":"in"}}'
    documents: dict[str, Recipe] = {
        "nodes": many_nodes(node, 1_000),
        "cycles": many_nodes(node, 1_000, ["each", chain, 5_000, ","]),
        "unknown components": many_nodes('{"id":"n§","component":"symbia.core.pasthrugh§"}', 1_000),
        "equal ids": many_nodes('{"id":"n","component":"symbia.core.passthrough"}', 1_000),
        "unknown ends": many_nodes(
            node,
            10,
            [
                "each",
                '{"id":"e§","source":{"node":"x§","port":"y"},"target":{"node":"n0","port":"z§"}}',
                10_000,
                ",",
            ],
        ),
        "wrong edges": many_nodes(node, 10, ["each", "§", 50_000, ","]),
        "metadata": [
            "cat",
            HEAD,
            '"metadata":{"x":[',
            ["each", "[]", 1_000_000, ","],
            ']},"nodes":[],"edges":[]}',
        ],
        "long id": many_nodes(["cat", '{"id":"', ["rep", "n", 10_000], '§","component":"x"}'], 500),
        "bindings": [
            "cat",
            HEAD,
            '"metadata":{"bindings":[',
            ["each", '{"event":"e§","node":"n0","port":"in"}', 2_000, ","],
            ']},"nodes":[',
            node.replace("§", "0"),
            '],"edges":[]}',
        ],
        "unknown fields": ["cat", HEAD, ["each", '"f§":1', 50_000, ","], ',"nodes":[],"edges":[]}'],
    }
    yaml: dict[str, Recipe] = {
        "yaml number": [
            "cat",
            "symbia: '1.0'\nname: x\nversion: 1.0.0\nmetadata: {x: 0x",
            ["rep", "f", 5_000],
            "}\nnodes: []\n",
        ],
        "yaml lists": ["cat", "a: ", ["rep", "[", 5_000]],
        "yaml keys": ["each", "k§: §\n", 20_000, ""],
        "yaml anchors": ["cat", "a0: &a0 [x]\n", ["each", "b§: &b§ [*a0, *a0]\n", 2_000, ""]],
        "yaml folded": ["cat", "a: >\n", ["rep", "  x\n\n", 100_000]],
        "yaml quotes": ["cat", 'a: "', ["rep", "\\x41", 100_000], '"'],
        "yaml floats": ["cat", "a: [", ["each", "1_0.§e", 50_000, ", "], "]"],
    }
    return [
        *(Case("graph", (Http("POST", "/api/graphs", body),), name) for name, body in documents.items()),
        *(
            Case("yaml", (Http("POST", "/api/graphs", body, type="application/yaml"),), name)
            for name, body in yaml.items()
        ),
    ]


def component(name: str, ports: Recipe, source: Recipe, extra: Recipe = "", kind: str = "javascript") -> Recipe:
    """The document of a component."""
    return [
        "cat", f'{{"id":"custom.{name}","name":"X","version":"1.0.0","ports":', ports, extra,
        f',"execution":{{"type":"{kind}","source":"', source, '"}}',
    ]  # fmt: skip


PORTS = '{"inputs":[{"name":"in"}],"outputs":[{"name":"out"}]}'
ECHO = "return { process: (ctx, port, value) => ctx.emit('out', value) }"


def schema_cases() -> list[Case]:
    """Schemas of ports, and values that are held against them."""
    reference = '{"$ref":"#/$defs/d0"}'
    lists = '{"type":"array","items":{"$ref":"#"}}'
    levels = (
        f'"l{n}":{{"allOf":[{{"$ref":"#/$defs/l{n + 1}"}},{{"$ref":"#/$defs/l{n + 1}"}}]}},' for n in range(40)
    )
    doubling = f'{{"$defs":{{{"".join(levels)}"l40":{{"type":"number"}}}},"$ref":"#/$defs/l0"}}'
    definitions: Recipe = [
        "cat", '{"$defs":{"d0":{"type":"number"},',
        ["each", f'"e§":{{"allOf":[{reference},{reference}]}}', 40, ","],
        '},"allOf":[', ["each", '{"$ref":"#/$defs/e§"}', 40, ","], "]}",
    ]  # fmt: skip
    schemas: dict[str, Recipe] = {
        "references": definitions,
        "doubling": doubling,
        "recursive": f'{{"oneOf":[{{"type":"string"}},{lists},{lists}]}}',
        "items": '{"items":{"type":"string"}}',
        "enum": ["cat", '{"enum":[', ["each", '"value §"', 50_000, ","], "]}"],
        "properties": ["cat", '{"properties":{', ["each", '"k§":{"type":"string"}', 5_000, ","], "}}"],
        "patterns": '{"patternProperties":{"^(a+)+$":{}},"additionalProperties":{"pattern":"^(x+x+)+y$"}}',
        "unique": '{"uniqueItems":true}',
        "contains": '{"contains":{"const":-1},"minContains":3}',
        "any": ["cat", '{"items":{"anyOf":[', ["each", '{"const":"x§"}', 200, ","], "]}}"],
        "dependent": ["cat", '{"dependentRequired":{', ["each", '"k§":["x"]', 2_000, ","], "}}"],
        "deep": ["cat", ["rep", '{"items":', 100], "{}", ["rep", "}", 100]],
    }
    cases = []
    for name, schema in schemas.items():
        ports = ["cat", '{"inputs":[{"name":"in","schema":', schema, '}],"outputs":[{"name":"out"}]}']
        document = component("schema", ports, ECHO)
        checked = graph_of("custom.schema", "{}", ',"validate":true')
        messages = tuple(Http("POST", INJECT, injection(value)) for value in (NUMBERS, KEYS, OBJECTS, TREE, TEXT))
        cases += [
            Case("schema", (Http("POST", "/api/components", document),), name),
            Case("schema", (Http("POST", "/api/components", document), *running(checked), *messages), name),
        ]
    return cases
