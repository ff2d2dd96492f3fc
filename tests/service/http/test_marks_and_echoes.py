"""A byte order mark is no part of a body, at any door; and no refusal reads a megabyte back to its sender."""

import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import pytest

from tests.service.live.plain_client import open_plain
from tests.service.serving import SQUARE, open_service, run_command, single

PASS = {**single("symbia.core.passthrough"), "metadata": {"ingress": {"node": "only", "port": "in"}}}
MESSAGE = {"nodeId": "only", "port": "in", "value": 1}
LONG = "x" * 1_000_000
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/graphs", PASS, 201),
        ("/api/components", SQUARE, 201),
        ("/api/graphs/{graph}/execute", {"completion": "manual"}, 201),
        ("/api/executions/{execution}/inject?wait=9", MESSAGE, 200),
        ("/api/executions/{execution}/inject?final=false", {"messages": [MESSAGE]}, 200),
        ("/api/ingress/Single", [1, 2], 200),
        ("/api/ingress/Single", 1, 200),
        ("/api/executions/{execution}/stop", {"drain": True}, 200),
    ],
)
async def test_a_byte_order_mark_is_no_part_of_a_body(path: str, body: Any, status: int) -> None:
    """Editors put it there, and RFC 8259 lets a reader pass over it; some routes refused it."""
    async with open_service() as service:
        graph = await service.load({**PASS, "name": "Other"})
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.post(
            path.format(graph=graph, execution=execution),
            content=BOM_UTF8 + json.dumps(body).encode(),
            headers=JSON,
        )
        assert reply.status_code == status, reply.text


async def test_a_byte_order_mark_is_no_part_of_a_live_message() -> None:
    """Over /ws it closed the connection."""
    async with open_service() as service, open_plain(service.url) as client:
        await client.connection.send_message("\ufeff" + json.dumps({"event": "execution:pause", "data": {}}))
        (error,) = await client.wait_for("error")
        assert error["code"] == "body.unreadable"


def test_a_byte_order_mark_is_no_part_of_standard_input(tmp_path: Path) -> None:
    """A file that an editor of Windows has written is piped into the command line."""
    graph = tmp_path / "graph.json"
    graph.write_bytes(BOM_UTF8 + json.dumps(single("symbia.core.passthrough")).encode())
    for options, line in (([], json.dumps(MESSAGE)), (["--stdin-to", "only:in"], "1")):
        stdin = BOM_UTF8 + line.encode()
        done = run_command("run", str(graph), *(options or ["--stdin"]), stdin=stdin)
        assert (done.returncode, json.loads(done.stdout)["value"]) == (0, 1), done


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/api/graphs", json.dumps({**PASS, "symbia": "1.0", "nodes": [{"id": LONG, "component": LONG}]}), "json"),
        ("/api/graphs", json.dumps({LONG: 1}), "json"),
        ("/api/graphs", f"symbia: '1.0'\n{LONG[:900_000]}: 1\n{LONG[:100_000]}: [", "yaml"),
        ("/api/graphs", "a: 1\n" + f"{LONG[:400_000]}: 1\n" * 2, "yaml"),
        ("/api/graphs", f"a: !!{LONG[:900_000]} 1", "yaml"),
        ("/api/graphs", f"a: !!int {LONG[:900_000]}", "yaml"),
        ("/api/components", json.dumps({**SQUARE, "id": LONG}), "json"),
        ("/api/components", json.dumps({**SQUARE, "execution": {"type": LONG, "source": "1"}}), "json"),
        ("/api/routines", json.dumps({"symbia": LONG}), "json"),
        ("/api/graphs/x/execute", json.dumps({LONG: 1}), "json"),
        ("/api/graphs/x/execute", json.dumps({"completion": LONG}), "json"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, "nodeId": LONG}), "json"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, "port": LONG}), "json"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, "lane": LONG}), "json"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, LONG: 1}), "json"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, LONG: 1}), "x-ndjson"),
        ("/api/executions/{execution}/inject", json.dumps({**MESSAGE, "nodeId": LONG}), "x-ndjson"),
        ("/api/network/receive", json.dumps({"payload": {"type": LONG}}), "json"),
        ("/api/ingress/" + "x" * 9_000, "1", "json"),
        ("/api/graphs?" + "x" * 9_000, "1", "json"),
    ],
)
async def test_a_refusal_is_short_whatever_was_sent(path: str, content: str, kind: str) -> None:
    """It quotes the beginning of a name, and no more."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        reply = await service.client.post(
            path.format(execution=execution), content=content, headers={"Content-Type": f"application/{kind}"}
        )
        assert 400 <= reply.status_code < 500, reply.text[:300]
        assert len(reply.content) < 10_000, reply.text[:300]


async def test_a_live_refusal_is_short_whatever_was_sent() -> None:
    """What a client is answered, and the event beside it."""
    long = LONG[:50_000]
    async with open_service() as service, open_plain(service.url) as client:
        for event, data in (
            ("execution:pause", {long: 1}),
            (long, {}),
            ("execution:start", {"graphId": "x", "completion": long}),
            ("execution:pause", {"executionId": "x" * 300}),
        ):
            answer = await client.say(event, **data)
            assert len(json.dumps(answer)) < 3_000, answer
