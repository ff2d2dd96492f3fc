"""A service that uses a secret: no reply, event, log line, metric, span or stored byte holds it, in any form."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import trio

from tests.engine.builtin.http_server import Server, answer, serving
from tests.service.live.plain_client import open_plain
from tests.service.serving import Process, start_process

SECRET = 'top "secret"/key+1&2=ü'
TOKEN = "token-1234567890-xyz"
FORMS = {
    "the token": TOKEN,
    "the token in Base64": base64.b64encode(TOKEN.encode()).decode()[:-4],
    "as it is": SECRET,
    "within JSON": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "within JSON of ASCII": json.dumps(SECRET)[1:-1],
    "percent-encoded": quote(SECRET, safe=""),
    "of a path": quote(SECRET),
    "of a form": quote_plus(SECRET),
    "Base64": base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1],
    "Base64 behind a user": base64.b64encode(f"shop:{SECRET}".encode()).decode()[8:-4],
    "its beginning": SECRET[:11],
}
EVENTS = [
    "component:invoked",
    "component:failed",
    "component:logged",
    "port:emit",
    "port:output",
]
LEAKY: dict[str, Any] = {
    "id": "custom.leaky",
    "name": "Leaky",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "config": {"key": {"type": "string", "secret": True}},
    "execution": {
        "type": "javascript",
        "source": """({
            initialize(ctx) { ctx.log('info', 'begun', {key: ctx.config.key}); },
            process(ctx, port, value) {
                const key = ctx.config.key;
                ctx.log('warn', `key ${key} ${encodeURIComponent(key)}`, {[key]: [key, JSON.stringify({key})]});
                if (value.fail) throw new RangeError(`no ${key}, ${btoa(encodeURIComponent(key))}`);
                ctx.emit('out', {key, [key]: `Basic ${key}`, text: JSON.stringify({key})});
            },
            cleanup(ctx) { ctx.log('error', ctx.config.key); },
        })""",
    },
}


def graph_of(url: str, *, on_error: str) -> dict[str, Any]:
    """A graph that uses the secret wherever one may stand, and lets it leave by all ways that there are."""
    secret = "${secret.SHOP}"
    nodes = [
        {
            "id": "ask",
            "component": "symbia.io.http-request",
            "config": {
                "url": f"{url}/${{secret.TOKEN}}/asked?inline=${{secret.TOKEN}}",
                "method": "POST",
                "headers": {"authorization": "Basic fixed", "x-key": "${param.ascii}"},
                "query": {"key": secret, "list": [secret]},
                "body": {"key": secret, "nested": [{"key": f"<{secret}>"}]},
            },
        },
        {"id": "leak", "component": "custom.leaky", "config": {"key": secret}, "onError": on_error},
        {"id": "log", "component": "symbia.core.logger"},
        {"id": "sink", "component": "symbia.sink.log"},
        {
            "id": "refused",
            "component": "symbia.io.http-request",
            "config": {"url": "http://127.0.0.1:1/${secret.TOKEN}"},
        },
    ]
    pairs = [("ask", "log"), ("leak", "log"), ("leak", "sink"), ("log", "refused")]
    edges = [
        {"source": {"node": source, "port": "out"}, "target": {"node": target, "port": "in"}}
        for source, target in pairs
    ]
    return {
        "symbia": "1.0",
        "name": f"shop {on_error}",
        "parameters": {"ascii": {"type": "string", "default": "k ${secret.PLAIN}"}},
        "metadata": {"ingress": {"node": "leak", "port": "in"}},
        "nodes": nodes,
        "edges": edges,
    }


class Shown:
    """All that the service has shown, each with where."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.texts: dict[str, str] = {}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; the reply's document, if it has one."""
        reply = await self._client.request(method, path, json=body)
        self.texts[f"{method} {path} {len(self.texts)}"] = f"{reply.headers} {reply.text}"
        return reply.json() if reply.headers.get("content-type", "").startswith("application/json") else reply.text

    def leaks(self) -> list[tuple[str, str]]:
        """Where the secret is shown, and in which form."""
        return [
            (place, form) for place, text in self.texts.items() for form, shape in FORMS.items() if shape in text
        ]


@asynccontextmanager
async def shop(folder: Path, otlp: str) -> AsyncIterator[tuple[Process, Server]]:
    """A service with the secret, and the server that its graphs ask."""
    environment = {
        "SECRET_SHOP": SECRET,
        "SECRET_PLAIN": SECRET.encode("ascii", "ignore").decode(),
        "SECRET_TOKEN": TOKEN,
        "OUTBOUND": "open",
        "LOG_LEVEL": "debug",
        "DATA_DIR": str(folder),
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
    }
    echo = json.dumps({"you": "sent", "key": SECRET}).encode()
    async with serving(*[answer(echo, content_type="application/json")] * 4) as server:
        with await trio.to_thread.run_sync(partial(start_process, environment)) as process:
            yield process, server


async def test_nothing_that_a_service_shows_holds_a_secret(tmp_path: Path) -> None:
    """Every route, the live events, the log, the metrics, the spans and the store, of executions that use one."""
    collected = [answer(content_type="application/x-protobuf")] * 100
    async with serving(*collected) as otlp, shop(tmp_path / "data", otlp.url) as (process, server):
        async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
            shown = Shown(client)
            await shown.ask("POST", "/api/components", LEAKY)
            await use(shown, process.url, server.url)
        _, log = await trio.to_thread.run_sync(process.end)
        spans = "".join(request.body.decode("utf-8", "replace") for request in otlp.requests)
    shown.texts["the log"] = log
    shown.texts["the spans"] = spans
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            shown.texts[f"the store {file.name}"] = file.read_bytes().decode("utf-8", "replace")
    (asked, *_) = server.requests
    assert quote_plus(SECRET) in asked.target or quote(SECRET, safe="") in asked.target, "the server has it"
    assert json.loads(asked.body)["key"] == SECRET
    assert log.count("***") > 4, "the log would have held it"
    assert "invocation" in spans
    assert shown.leaks() == []


async def use(shown: Shown, url: str, server: str) -> None:
    """Let a graph use the secret, and look at everything."""
    wrong = graph_of(server, on_error="continue")
    wrong["nodes"][0]["config"]["headers"]["x-key"] = "${secret.SHOP}"  # no ASCII, so no header
    wrong["nodes"][0]["config"]["url"] = "ftp://${secret.SHOP}"
    refusal = await shown.ask("POST", "/api/graphs", wrong)
    assert "***" in str(refusal) or "headers.x-key" in str(refusal)
    await shown.ask("POST", "/api/graphs/validate", wrong)
    for on_error in ("continue", "fail"):
        graph = await shown.ask("POST", "/api/graphs", graph_of(server, on_error=on_error))
        assert "id" in graph, graph
        async with open_plain(url) as live:
            started = await live.say("execution:start", graphId=graph["id"], events=EVENTS, completion="manual")
            assert "executionId" in started, started
            place = f"/api/executions/{started['executionId']}"
            await shown.ask("POST", f"{place}/inject?wait=5000", {"nodeId": "ask", "port": "in", "value": {}})
            delivered = await shown.ask("POST", f"/api/ingress/shop {on_error}?wait=5000", {"fail": False})
            assert "***" in str(delivered)
            await shown.ask(
                "POST", f"{place}/inject?wait=5000", {"nodeId": "leak", "port": "in", "value": {"fail": True}}
            )
            for path in ("", "/logs", "/outputs", "/metrics", "/statistics"):
                await shown.ask("GET", place + path)
            if on_error == "continue":
                await shown.ask("POST", f"{place}/stop")
            await live.wait_for("execution:failed" if on_error == "fail" else "execution:completed")
            assert live.heard("port:output")
            assert live.heard("port:emit")
            shown.texts[f"live {on_error}"] = str(live.messages)
        for path in ("", "/logs", "/outputs"):
            await shown.ask("GET", place + path)
        await shown.ask("POST", f"/api/graphs/{graph['id']}/execute", {"parameters": {"ascii": 7}})
        for path in ("", "/versions"):
            await shown.ask("GET", f"/api/graphs/{graph['id']}{path}")
    for path in (
        "/api/graphs",
        "/api/executions",
        "/api/components",
        "/api/stats",
        "/metrics",
        "/health",
        "/health/ready",
    ):
        await shown.ask("GET", path)
