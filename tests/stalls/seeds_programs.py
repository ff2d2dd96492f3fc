"""Where the search begins: foreign programs, and what is asked of many and large executions."""

from tests.stalls.cases import Case, Http, Said, WebSocket
from tests.stalls.recipes import Recipe
from tests.stalls.seeds_graphs import ECHO, PORTS, component, many_nodes
from tests.stalls.seeds_values import INJECT, NUMBERS, PASSTHROUGH, TEXT, graph_of, injection, running

PROCESS: dict[str, Recipe] = {
    "outputs": ["cat", "for (let i = 0; i < ", "1000", "; i++) ctx.emit('out', i)"],
    "large outputs": "ctx.emit('out', 'x'.repeat(8000000)); ctx.emit('out', 'y'.repeat(8000000))",
    "deep output": "let a = []; for (let i = 0; i < 10000; i++) a = [a]; ctx.emit('out', a)",
    "wide output": "ctx.emit('out', Array.from({length: 1000000}, () => []))",
    "logs": "for (let i = 0; i < 200; i++) ctx.log('info', 'x'.repeat(100000))",
    "state": "for (let i = 0; i < 500; i++) ctx.setState('k' + i, 'x'.repeat(10000))",
    "spin": "while (true) {}",
    "grow": "const a = []; while (true) a.push(new Uint8Array(1000000).fill(1))",
    "string": "let s = 'x'; while (true) s += s",
    "pattern": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "throw": "throw new Error('x'.repeat(1000000))",
    "recursion": "const f = () => f(); f()",
    "json": "ctx.emit('out', JSON.parse('[' + '[],'.repeat(500000) + '[]]'))",
    "sort": "ctx.emit('out', Array.from({length: 300000}, (_, i) => -i).sort().length)",
}

TYPESCRIPT: dict[str, Recipe] = {
    "wrong at the end": ["cat", ["rep", "const a: number = 1;\\n", 40_000], "const : = ;"],
    "long line": ["cat", "return { process(ctx: any) { ctx.emit('out', ", ["rep", "1 + ", 100_000], "1) } }"],
    "types": ["cat", "type T = ", ["each", "{ a§: string }", 10_000, " | "], "; return { process() {} }"],
    "brackets": ["rep", "(", 100_000],
    "generics": ["cat", "let x: ", ["rep", "A<", 5_000], "B", ["rep", ">", 5_000], "; return { process() {} }"],
    "templates": ["cat", ["rep", "`${", 5_000], "1", ["rep", "}`", 5_000]],
    "comments": ["cat", ["rep", "/* x */ ", 100_000], "return { process() {} }"],
}


def program_cases() -> list[Case]:
    """Components in JavaScript and TypeScript, right and wrong ones."""
    cases = []
    for name, body in PROCESS.items():
        source: Recipe = ["cat", "return { process: (ctx, port, value) => { ", body, " } }"]
        start = (
            Http("POST", "/api/components", component("program", PORTS, source)),
            *running(graph_of("custom.program")),
        )
        messages = (Http("POST", INJECT, injection("1"), times=3), Http("GET", "/api/executions/{run}/logs"))
        cases.append(Case("program", (*start, *messages, Http("GET", "/api/executions/{run}")), name))
        cases.append(
            Case("program", (*start, Http("POST", f"{INJECT}?wait=only", injection("1"))), f"{name}, waited for")
        )
    for name, text in TYPESCRIPT.items():
        document = component("typed", PORTS, text, kind="typescript")
        cases.append(Case("program", (Http("POST", "/api/components", document),), name))
    sources: dict[str, Recipe] = {
        "long source": ["cat", "return { process() { return 0", ["rep", "+1", 400_000], " } }"],
        "deep source": [
            "cat",
            "return { process() { return ",
            ["rep", "(", 50_000],
            "1",
            ["rep", ")", 50_000],
            " } }",
        ],
        "many functions": ["cat", ["each", "function f§() {}", 50_000, ";"], ";", ECHO],
    }
    for name, text in sources.items():
        document = component("program", PORTS, text)
        cases.append(
            Case(
                "program", (Http("POST", "/api/components", document), *running(graph_of("custom.program"))), name
            )
        )
    ports: dict[str, Recipe] = {
        "many ports": ["cat", '{"inputs":[{"name":"in"}],"outputs":[', ["each", '{"name":"o§"}', 999, ","], "]}"],
        "equal ports": ["cat", '{"inputs":[', ["rep", '{"name":"in"},', 50_000], '{"name":"in"}],"outputs":[]}'],
    }
    every: Recipe = (
        "return { process: (ctx, port, value) => { for (let i = 0; i < 999; i++) ctx.emit('o' + i, value) } }"
    )
    for name, document in ports.items():
        start = (
            Http("POST", "/api/components", component("ports", document, every)),
            *running(graph_of("custom.ports")),
        )
        cases.append(
            Case(
                "program",
                (
                    *start,
                    Http("POST", f"{INJECT}?wait=only", injection(["cat", '"', ["rep", "x", 1_000_000], '"'])),
                ),
                name,
            )
        )
    fields: Recipe = ["cat", '"config":{', ["each", '"c§":{"type":"string"}', 50_000, ","], "},"]
    enum: Recipe = ["cat", ',"config":{"c":{"type":"string","enum":[', ["each", '"value §"', 200_000, ","], "]}}"]
    wrong = many_nodes('{"id":"n§","component":"custom.enum","config":{"c":"valu"}}', 200)
    unknown = many_nodes(
        ["cat", '{"id":"n§","component":"custom.enum","config":{', ["each", '"d§":1', 20, ","], "}}"], 1
    )
    for name, extra in (("enum", enum), ("fields", ["cat", ",", fields[1], *fields[2:3], "}"])):
        document = component("enum", PORTS, ECHO, extra)
        cases.append(
            Case(
                "component",
                (
                    Http("POST", "/api/components", document),
                    Http("POST", "/api/graphs", wrong),
                    Http("POST", "/api/graphs", unknown),
                ),
                name,
            )
        )
    cases.append(
        Case(
            "module",
            (
                Http(
                    "POST",
                    "/api/components",
                    component("wasm", PORTS, ["rep", "AGFzbQEAAAA", 100_000], kind="wasm"),
                ),
            ),
            "wasm",
        )
    )
    return cases


LARGE = many_nodes('{"id":"n§","component":"symbia.core.passthrough"}', 1_000)
_INTO = (
    '{{"id":"{port}{to}","source":{{"node":"{node}","port":"out"}},"target":{{"node":"m{to}","port":"{port}"}}}}'
)
DOUBLING: Recipe = [
    "cat",
    '{"symbia":"1.0","name":"Doubling","version":"1.0.0","nodes":[',
    '{"id":"only","component":"symbia.core.passthrough"},',
    ["each", '{"id":"m§","component":"symbia.core.merge","config":{"mode":"all"}}', 27, ","],
    '],"edges":[',
    ",".join(
        _INTO.format(port=port, node=f"m{to - 1}" if to else "only", to=to) for to in range(27) for port in "ab"
    ),
    "]}",
]


_COMMAND = '{"event":"execution:WORD","data":{"executionId":"{{run}}"}}'


def life_cases() -> list[Case]:
    """What is asked of executions: many, large, held, watched, stopped and forgotten."""
    run = "/api/executions/{run}"
    many = running(LARGE)
    more = (Http("POST", "/api/graphs/{graph}/execute", "{}", times=20),)
    held = (*running(PASSTHROUGH), Http("POST", f"{run}/pause"))
    asked: dict[str, tuple[Said, ...]] = {
        "lists": (Http("GET", "/api/executions?limit=1", times=5), Http("GET", "/api/executions?limit=100")),
        "statistics": (Http("GET", f"{run}/statistics", times=5), Http("GET", run, times=5)),
        "deleted": (Http("DELETE", "/api/graphs/{graph}?force=true"), Http("DELETE", "/api/graphs/{graph}")),
        "stopped": (Http("POST", f"{run}/stop"),),
        "watched": (
            WebSocket(messages=('{"event":"execution:subscribe","data":{"executionId":"{{run}}","events":["statistics:update"]}}',)),
        ),
        "commands": (WebSocket(messages=(
            '{"event":"execution:subscribe","data":{"executionId":"{{run}}"}}',
            *(_COMMAND.replace("WORD", word) for word in ("pause", "resume") * 10),
        )),),
    }  # fmt: skip
    cases = [Case("life", (*many, *more, *says), name) for name, says in asked.items()]
    together = many_nodes(["cat", '{"id":"n§","component":"symbia.core.passthrough","concurrency":100}'], 200)
    cases += [
        Case("life", (*running(together), Http("POST", f"{run}/stop")), "concurrency"),
        Case(
            "life",
            (*held, Http("POST", INJECT, injection(TEXT), times=20), Http("POST", f"{run}/resume")),
            "paused",
        ),
        Case(
            "life",
            (*held, Http("POST", INJECT, injection(NUMBERS), times=20), Http("DELETE", run)),
            "paused, deleted",
        ),
        Case(
            "life",
            (
                *running(graph_of("symbia.core.delay", '{"ms":100000}')),
                Http("POST", INJECT, injection(TEXT), times=10),
            ),
            "delayed",
        ),
        Case(
            "life",
            (
                *running(graph_of("symbia.core.merge", '{"mode":"zip"}')),
                Http("POST", INJECT, injection(TEXT, "a"), times=10),
            ),
            "zip",
        ),
        Case(
            "life",
            (
                *running(graph_of("symbia.core.accumulator", '{"count":100000}')),
                Http("POST", INJECT, injection(NUMBERS), times=10),
            ),
            "accumulated",
        ),
        Case("life", (*running(DOUBLING), Http("POST", INJECT, injection("1")), Http("GET", run)), "doubling"),
        Case(
            "life",
            (Http("POST", "/api/graphs", PASSTHROUGH, times=50), Http("GET", "/api/graphs?limit=100")),
            "graphs",
        ),
    ]
    return cases
