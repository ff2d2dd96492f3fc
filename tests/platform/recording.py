"""Answers of a runtime to the rows of the table, over its HTTP API; and the command that records the platform's.

    python -m tests.platform.recording http://localhost:5006 --token TOKEN
    python -m tests.platform.recording http://localhost:5006 --token TOKEN tests/platform/answers/symbia.logic.*

It overwrites the ``answers`` of each row, and nothing else. The same functions ask our own service in the tests.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import trio

from tests.fakes.small_http import Answer, serving

TABLE = Path(__file__).parent / "answers"
SERVER = "$SERVER"
"""Stands in a row's configuration for the URL of a server that answers as the row's ``server`` says."""

WAIT_MS = 20_000
"""The time that ours waits for what comes of a message; the platform's always does."""

PASS = "symbia.io.passthrough"

Outputs = dict[str, dict[str, Any]]
"""By port, what left by it: ``{"value", "lane"}``."""


def tables(paths: Sequence[Path] = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Read the table's files: all of them, or these."""
    for path in paths or sorted(TABLE.glob("*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def written(table: dict[str, Any]) -> str:
    """Return a file's text: one line for each row, so that a change is seen where it is."""
    head = json.dumps({name: part for name, part in table.items() if name != "rows"}, ensure_ascii=False, indent=2)
    rows = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in table["rows"])
    return f'{head.removesuffix("}").rstrip()},\n  "rows": [\n{rows}\n  ]\n}}\n'


async def answers_of(client: httpx.AsyncClient, component: str, row: dict[str, Any]) -> list[Outputs] | None:
    """Return what a runtime makes of each message of a row, in turn; None where it refuses the graph.

    Each row has a node with a name of its own, because a runtime may keep state by the names of nodes.
    """
    name = f"n{uuid4().hex}"
    async with _answering(row.get("server")) as url:
        config = json.loads(json.dumps(row["config"]).replace(SERVER, url))
        graph = {
            "symbia": "1.0",
            "name": name,
            "version": "1.0.0",
            "nodes": [
                {"id": name, "component": component, "config": config},
                {"id": f"{name}-caught", "component": PASS},
            ],
            "edges": [
                {
                    "id": "caught",
                    "source": {"node": name, "port": "error"},
                    "target": {"node": f"{name}-caught", "port": "in"},
                }
            ],
        }
        loaded = await client.post("/api/graphs", json=graph)
        if loaded.status_code == 400:
            return None
        place = f"/api/graphs/{loaded.raise_for_status().json()['id']}"
        started = (await client.post(f"{place}/execute", json={})).raise_for_status().json()
        path = f"/api/executions/{started['executionId']}/inject?wait={WAIT_MS}"
        found = []
        for value in row["messages"]:
            reply = await client.post(path, json={"nodeId": name, "port": "in", "value": value})
            outputs = reply.raise_for_status().json()["outputs"]
            found.append({_port(place, name): _shown(output) for place, output in outputs.items()})
        (await client.delete(place)).raise_for_status()
    return found


def _port(place: str, name: str) -> str:
    node, _, port = place.partition(":")
    return port if node == name else "error"


def _shown(output: dict[str, Any]) -> dict[str, Any]:
    return {"value": output.get("value"), "lane": output["lane"]}


def _answering(server: dict[str, Any] | None) -> Any:
    """Serve one answer to every request; on a machine where the platform's runtime can reach the loopback."""

    async def answer(_method: str, _target: str, _headers: dict[str, str], _body: bytes) -> Answer:
        assert server is not None
        return server["status"], {"Content-Type": server["contentType"]}, server["body"].encode()

    return serving(answer)


async def record(url: str, token: str, paths: Sequence[Path]) -> None:
    """Write a runtime's answers into the files of the table."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        for path, table in tables(paths):
            for row in table["rows"]:
                row["answers"] = await answers_of(client, table["component"], row)
            table["source"] = f"recorded from {url}"
            path.write_text(written(table), encoding="utf-8")


def main() -> None:
    """Record what the command line asks for."""
    parser = argparse.ArgumentParser(description="Record a runtime's answers to the rows of the table.")
    parser.add_argument("url")
    parser.add_argument("--token", default="")
    parser.add_argument("files", nargs="*", type=Path)
    chosen = parser.parse_args()
    trio.run(record, chosen.url, chosen.token, chosen.files)


if __name__ == "__main__":
    main()
