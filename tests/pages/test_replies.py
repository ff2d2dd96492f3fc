"""Replies that the pages show are those of a real service, whole and to the letter but for ids and times."""

import json
import os
import re
import subprocess
from typing import Any

from tests.service.serving import QUICK_REFERENCE, ROOT, Process, Service, open_service, start_process

DOCS = ROOT / "docs"


def _section(page: str, heading: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def _shown(text: str) -> Any:
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    return json.loads(block)


def _pasted(process: Process, lines: str) -> str:
    """Paste lines into a shell, the service's address in them; return what it printed."""
    assert "http://127.0.0.1:5006" in lines
    done = subprocess.run(
        ["bash", "-eu", "-c", lines.replace("http://127.0.0.1:5006", process.url)],
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    return done.stdout


def test_the_routine_answers_what_its_page_shows() -> None:
    """The commands of the example, pasted, have exactly these outputs in their reply."""
    section = _section("routines.md", "An example")
    (lines,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    with start_process() as process:
        reply = json.loads(_pasted(process, lines))
    assert {"outputs": reply["outputs"]} == _shown(section)


async def test_a_refusal_looks_as_on_its_page() -> None:
    """The graph with an edge to nowhere is refused in these words, and no others."""
    shown = _shown(_section("http.md", "Refusals"))
    edge = {"id": "e1", "source": {"node": "b", "port": "out"}, "target": {"node": "a", "port": "in"}}
    graph = {**QUICK_REFERENCE, "nodes": [{"id": "a", "component": "symbia.core.passthrough"}], "edges": [edge]}
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json=graph)
    assert (reply.status_code, reply.json()) == (400, shown)


async def test_a_delivery_answers_what_its_page_shows() -> None:
    """Every field of the reply is on the page, with its value; the execution's id is one."""
    shown = _shown(_section("ingress.md", "What comes back"))
    graph = json.loads(json.dumps(QUICK_REFERENCE).replace('"input"', '"entry"'))
    async with open_service() as service:
        await service.start({**graph, "name": "orders"}, completion="manual")
        reply = (await service.client.post("/api/ingress/orders", json=21)).json()
    assert len(reply.pop("executionId")) == 36
    assert shown.pop("executionId").endswith("…")
    assert reply == shown


async def test_an_injection_that_waits_answers_what_its_page_shows() -> None:
    """The outputs of the Quick Reference, and the fields of a hop."""
    page = (DOCS / "http.md").read_text(encoding="utf-8")
    (text,) = re.findall(r'`(\{"output:out".*?\}\})`', page)
    (hop,) = re.findall(r'`\{("node"[^}]*)\}`', page)
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        body = {"nodeId": "input", "port": "in", "value": 21}
        path = f"/api/executions/{execution_id}/inject?wait=5000"
        reply = (await service.client.post(path, json=body)).json()
    assert reply["outputs"] == json.loads(text)
    assert list(reply["trace"][0]) == re.findall(r'"(\w+)"', hop)


async def test_an_event_answers_what_its_page_says() -> None:
    """The counts that the page names are those of the reply."""
    page = (DOCS / "network.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```sh\n(curl .*?receive.*?)```", page, re.DOTALL)
    headers = dict(re.findall(r"-H '([\w-]+): (.*?)'", lines))
    (body,) = re.findall(r"-d '(.*?)'\n", lines)
    graph = next(json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    async with open_service() as service:
        await _starts(service, graph)
        reply = await service.client.post("/api/network/receive", content=body, headers=_as_json(headers))
    said = re.search(r"The reply counts `(\w+)` and `(\w+)`, and lists in `(\w+)`", page)
    assert said is not None
    counts = reply.json()
    assert counts["delivered"] == 1
    assert [type(counts[name]) for name in said.groups()] == [int, int, list]
    assert set(counts) == {"success", "eventId", *said.groups()}


async def _starts(service: Service, graph: Any) -> None:
    await service.start({"version": "1.0.0", **graph})


def _as_json(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Content-Type": "application/json"}


def test_no_page_shows_a_reply_that_nobody_holds() -> None:
    """Pages that show JSON after a command, or a success, are those above: a new one needs its test."""
    showing = {
        path.name
        for path in DOCS.glob("*.md")
        if re.search(r'```json\n\{("success"|"error"|"outputs"|\n? *"outputs")', path.read_text(encoding="utf-8"))
    }
    assert showing == {"http.md", "ingress.md", "routines.md"}
