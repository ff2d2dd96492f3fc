"""Where the search begins: texts and values, as bodies of messages, on sockets, and before any authentication."""

from typing import Any

from tests.stalls.cases import Case, Http, Raw, Said, WebSocket
from tests.stalls.recipes import Recipe

DEEP: Recipe = ["cat", ["rep", "[", 120], "1", ["rep", "]", 120]]
TOO_DEEP: Recipe = ["rep", "[", 20_000]
QUOTES: Recipe = ["cat", ["rep", "[", 201], ["rep", '\\"', 10_000]]
WIDE: Recipe = ["cat", "[", ["each", "[]", 100_000, ","], "]"]
NUMBERS: Recipe = ["cat", "[", ["each", "§", 300_000, ","], "]"]
LONG_NUMBERS: Recipe = ["cat", "[", ["each", ["cat", "1.", ["rep", "7", 300]], 2_000, ","], "]"]
INTEGER: Recipe = ["rep", "9", 100_000]
EXPONENTS: Recipe = ["cat", "[", ["each", "1e§", 20_000, ","], "]"]
ESCAPES: Recipe = ["cat", '"', ["rep", "\\u0041", 1_000_000], '"']
SURROGATES: Recipe = ["cat", '"', ["rep", "\\ud800", 100_000], '"']
TEXT: Recipe = ["cat", '"', ["rep", "x", 5_000_000], '"']
UNICODE: Recipe = ["cat", '"', ["rep", "é€😀", 500_000], '"']
KEYS: Recipe = ["cat", "{", ["each", '"k§":§', 100_000, ","], "}"]
SAME_KEYS: Recipe = ["cat", "{", ["each", '"k":§', 100_000, ","], "}"]
OBJECTS: Recipe = ["cat", "[", ["each", '{"a":§,"b":"§"}', 60_000, ","], "]"]
TREE: Recipe = ["cat", ["rep", '{"a":[1,', 90], "1", ["rep", "]}", 90]]
SPACES: Recipe = ["cat", "[", ["rep", " ", 5_000_000], "]"]
BROKEN: Recipe = ["cat", '{"a":"', ["rep", "\\\\", 500_000]]
BYTES: Recipe = ["cat", '"', ["rep", ["hex", "80"], 100_000], '"']

JSON = "Content-Type: application/json\r\n"

VALUES: dict[str, Recipe] = {
    "deep": DEEP,
    "too deep": TOO_DEEP,
    "quotes": QUOTES,
    "wide": WIDE,
    "numbers": NUMBERS,
    "long numbers": LONG_NUMBERS,
    "integer": INTEGER,
    "exponents": EXPONENTS,
    "escapes": ESCAPES,
    "surrogates": SURROGATES,
    "text": TEXT,
    "unicode": UNICODE,
    "keys": KEYS,
    "same keys": SAME_KEYS,
    "objects": OBJECTS,
    "tree": TREE,
    "spaces": SPACES,
    "broken": BROKEN,
    "bytes": BYTES,
}


def graph_of(component: str, config: Recipe = "{}", extra: Recipe = "") -> Recipe:
    """The document of a graph of one node, called `only`."""
    node = ["cat", '{"id":"only","component":"', component, '","config":', config, extra, "}"]
    return ["cat", '{"symbia":"1.0","name":"Single","version":"1.0.0","nodes":[', node, '],"edges":[]}']


def running(graph: Recipe, options: Recipe = "{}") -> tuple[Said, ...]:
    """Load a graph and start it."""
    return (
        Http("POST", "/api/graphs", graph, save="graph"),
        Http("POST", "/api/graphs/{graph}/execute", options, save="run"),
    )


def injection(value: Recipe, port: str = "in", node: str = "only") -> Recipe:
    """The body of an injection."""
    return ["cat", f'{{"nodeId":"{node}","port":"{port}","value":', value, "}"]


INJECT = "/api/executions/{run}/inject"
PASSTHROUGH = graph_of("symbia.core.passthrough")


def message_cases() -> list[Case]:
    """Every value as a message, in a list of messages, in a stream of lines, waited for, and as a document."""
    cases = []
    for name, value in VALUES.items():
        start = running(PASSTHROUGH)
        body = injection(value)
        lines: Recipe = ["rep", ["cat", body, "\n"], 2]
        many: Recipe = ["cat", '{"messages":[', body, ",", body, "]}"]
        cases += [
            Case("message", (*start, Http("POST", INJECT, body)), name),
            Case("message", (*start, Http("POST", f"{INJECT}?wait=only", body)), name),
            Case("message", (*start, Http("POST", INJECT, many)), name),
            Case("message", (*start, Http("POST", INJECT, lines, type="application/x-ndjson")), name),
            Case("message", (*start, Http("POST", "/api/ingress/Single", body)), name),
            Case("document", (Http("POST", "/api/graphs", value),), name),
            Case("document", (Http("POST", "/api/graphs", value, type="application/yaml"),), name),
            Case("document", (Http("POST", "/api/routines", value),), name),
            Case("socket", (WebSocket(messages=(value,)),), name),
            Case(
                "socket",
                (WebSocket(messages=(["cat", '{"event":"execution:subscribe","data":', value, "}"],)),),
                name,
            ),
            Case("socket", _polling(value), name),
        ]
    return cases


def _polling(value: Recipe) -> tuple[Said, ...]:
    """A message by long-polling, before any authentication."""
    path = "/socket.io/?EIO=4&transport=polling"
    return (
        Http("GET", path),
        Http("POST", f"{path}&sid=none", ["cat", "42", value], type="text/plain"),
        WebSocket("/socket.io/?EIO=4&transport=websocket", ("40", ["cat", "42", value])),
        WebSocket("/socket.io/?EIO=4&transport=websocket", (["cat", "40", value],)),
        WebSocket("/socket.io/?EIO=4&transport=websocket", ("40", ["cat", "451-", value])),
    )


def wire_cases() -> list[Case]:
    """Bytes on a connection: requests, frames, and what is neither."""
    host = "Host: 127.0.0.1\r\n"
    upgrade = (
        f"GET /ws HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    )
    upgrade += "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    tiny: Recipe = ["hex", "818100000000" + "31"]
    part: Recipe = ["hex", "01800000 0000".replace(" ", "")]
    ping: Recipe = ["hex", "898000000000"]
    large: Recipe = ["cat", ["hex", "81ff0000000000f0000000000000"], ["rep", "x", 10_000_000]]
    raws: dict[str, Recipe] = {
        "pipelined": ["rep", f"GET /health/live HTTP/1.1\r\n{host}\r\n", 5_000],
        "headers": ["cat", f"GET / HTTP/1.1\r\n{host}", ["each", "x§: §\r\n", 1_000, ""], "\r\n"],
        "long header": ["cat", f"GET / HTTP/1.1\r\n{host}x: ", ["rep", "y", 100_000], "\r\n\r\n"],
        "long target": ["cat", "GET /", ["rep", "%41/", 10_000], f" HTTP/1.1\r\n{host}\r\n"],
        "query": ["cat", "GET /api/graphs?", ["each", "limit=§", 2_000, "&"], f" HTTP/1.1\r\n{host}\r\n"],
        "no line": ["rep", "A", 1_000_000],
        "empty lines": ["rep", "\r\n", 500_000],
        "chunks": [
            "cat",
            f"POST /api/graphs HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n{JSON}\r\n",
            ["rep", "1\r\n[\r\n", 200_000],
            "0\r\n\r\n",
        ],
        "chunk extensions": [
            "cat",
            f"POST /api/graphs HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n1;",
            ["rep", "a=b;", 100_000],
        ],
        "http/2": ["cat", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["rep", ["hex", "000000040000000000"], 10_000]],
        "tiny frames": ["cat", upgrade, ["rep", tiny, 50_000]],
        "pieces": ["cat", upgrade, ["rep", part, 1], ["rep", ["hex", "008100000000" + "61"], 50_000]],
        "pings": ["cat", upgrade, ["rep", ping, 50_000]],
        "too large": ["cat", upgrade, large],
        "closed and on": ["cat", upgrade, ["hex", "888000000000"], ["rep", tiny, 50_000]],
    }
    return [Case("wire", (Raw(sent),), name) for name, sent in raws.items()]


def unfinished_cases() -> list[Case]:
    """Bodies that never end, answers that nobody reads."""
    head = f"POST /api/graphs HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}Content-Length: 12000000\r\n\r\n"
    page: Any = [
        "cat",
        '{"description":"',
        ["rep", "x", 4_000_000],
        '","symbia":"1.0","name":"Large","version":"1.0.0",',
        '"nodes":[{"id":"only","component":"symbia.core.passthrough"}],"edges":[]}',
    ]
    return [
        Case("wire", (Raw(["cat", head, ["rep", "[", 10_000_000]], times=4),), "unfinished bodies"),
        Case(
            "unread",
            (
                Http("POST", "/api/graphs", page, save="graph"),
                Http("GET", "/api/graphs/{graph}", wait=False, times=60),
            ),
            "unread replies",
        ),
    ]
