"""The guard in the running service: graphs that request, components that name a URL, and the commands."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from service.settings.table import Settings, read_settings
from tests.engine.builtin.http_server import Server, answer, endless, serving
from tests.fakes.resolver import FakeResolver
from tests.service.serving import SQUARE, Service, open_service, run_command, single

SOURCE = SQUARE["execution"]["source"].encode()
HASH = hashlib.sha256(SOURCE).hexdigest()


def settings(**environment: str) -> Settings:
    return read_settings({"PORT": "0", **environment})


def fetching(url: str, **execution: Any) -> dict[str, Any]:
    """The square, its source at a URL."""
    return {**SQUARE, "execution": {"type": "javascript", "sourceUrl": url, **execution}}


async def requested(service: Service, url: str) -> dict[str, Any]:
    """The execution of one request at its end."""
    graph = single("symbia.io.http-request", config={"url": url})
    execution_id = await service.start(graph, completion="manual")
    await service.inject(execution_id, "only", None)
    await service.client.post(f"/api/executions/{execution_id}/complete")
    await service.runtime.execution(execution_id).wait_finished()
    found: dict[str, Any] = (await service.client.get(f"/api/executions/{execution_id}")).json()
    return found


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def problem(reply: httpx.Response) -> tuple[str, str, str]:
    """Code, path and message of the one problem of a refusal."""
    assert reply.status_code == 400, reply.text
    (found,) = reply.json()["problems"]
    return found["code"], found["path"], found["message"]


async def test_a_graph_does_not_reach_this_machine() -> None:
    """By default the request fails, with a message that says what was refused and how to allow it."""
    async with serving(answer(b"1")) as server, open_service() as service:
        execution = await requested(service, server.url)
        assert server.requests == []
    assert execution["state"] == "failed"
    assert "127.0.0.1 is loopback" in execution["error"]["message"]
    assert f"add 127.0.0.1:{port_of(server)} to OUTBOUND_ALLOW" in execution["error"]["message"]


async def test_what_the_message_advises_lets_the_graph_through() -> None:
    """With the entry in OUTBOUND_ALLOW, the same graph completes."""
    async with serving(answer(b"1")) as server:
        async with open_service(settings(OUTBOUND_ALLOW=f"127.0.0.1:{port_of(server)}")) as service:
            assert (await requested(service, server.url))["state"] == "completed"
        assert len(server.requests) == 1


async def test_the_service_itself_is_not_reached() -> None:
    """A graph cannot speak to the API that it runs under, by any name."""
    async with open_service(resolve=FakeResolver("127.0.0.1")) as service:
        port = service.url.rpartition(":")[2]
        execution = await requested(service, f"http://runtime.example:{port}/api/executions")
    assert "runtime.example, which has the address 127.0.0.1, is refused" in execution["error"]["message"]


async def test_outbound_off_is_told_to_the_graph() -> None:
    """The message names the setting."""
    async with serving() as server, open_service(settings(OUTBOUND="off")) as service:
        assert "OUTBOUND=off" in (await requested(service, server.url))["error"]["message"]


async def test_a_component_is_registered_from_a_named_host() -> None:
    """Its source is fetched, shown with its URL and hash, and the component works."""
    async with (
        serving(answer(SOURCE)) as server,
        open_service(settings(OUTBOUND_ALLOW="code.example"), FakeResolver("127.0.0.1")) as service,
    ):
        url = f"http://code.example:{port_of(server)}/square.js"
        reply = await service.client.post("/api/components", json=fetching(url, sha256=HASH))
        assert reply.status_code == 201, reply.text
        shown = (await service.client.get(f"/api/components/{SQUARE['id']}")).json()
        execution_id = await service.start(single(SQUARE["id"]))
        await service.inject(execution_id, "only", 12)
        assert (await service.processed(execution_id, 1))["messagesEmitted"] == 1
    execution = shown["execution"]
    assert (execution["source"], execution["sourceUrl"], execution["sourceHash"]) == (SOURCE.decode(), url, HASH)


async def test_a_source_inside_is_refused_at_its_place() -> None:
    """Status 400, a problem at execution.sourceUrl, nothing fetched and nothing kept."""
    async with serving(answer(SOURCE)) as server, open_service() as service:
        reply = await service.client.post("/api/components", json=fetching(server.url + "/square.js"))
        code, path, message = problem(reply)
        assert (code, path) == ("component.source_unavailable", "execution.sourceUrl")
        assert "to OUTBOUND_ALLOW" in message
        assert (await service.client.get(f"/api/components/{SQUARE['id']}")).status_code == 404
        assert server.requests == []


async def test_a_source_by_plain_http_from_a_public_host_is_refused() -> None:
    """Anybody on the way could change it."""
    async with open_service(resolve=FakeResolver("8.8.8.8")) as service:
        reply = await service.client.post("/api/components", json=fetching("http://code.example/a.js"))
        assert "code.example" in problem(reply)[2]


async def test_a_source_is_not_fetched_where_a_redirect_leads_inside() -> None:
    """The named host may redirect, and the guard judges where to."""
    away = answer(status="302 Found", location="http://169.254.169.254/latest/meta-data/")
    async with serving(away) as server, open_service(settings(OUTBOUND_ALLOW="127.0.0.1")) as service:
        reply = await service.client.post("/api/components", json=fetching(server.url))
        assert "169.254.169.254 is a cloud's metadata service" in problem(reply)[2]


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (answer(status="404 Not Found"), "answered by 404 Not Found"),
        (answer(SOURCE, content_encoding="gzip"), "encoded as 'gzip'"),
        (answer(b"\xff\xfe"), "no text in UTF-8"),
        (endless, "larger than 1048576 bytes"),
    ],
)
async def test_what_is_no_source_is_refused(answered: Any, words: str) -> None:
    """Each with a problem that says what came instead."""
    async with serving(answered) as server, open_service(settings(OUTBOUND_ALLOW="127.0.0.1")) as service:
        reply = await service.client.post("/api/components", json=fetching(server.url))
        _, path, message = problem(reply)
        assert path == "execution.sourceUrl"
        assert words in message


async def test_a_component_file_may_name_a_url_on_the_command_line(tmp_path: Path) -> None:
    """Whoever runs a graph at the keyboard may fetch from this machine."""
    (tmp_path / "graph.json").write_text(json.dumps(single(SQUARE["id"])), encoding="utf-8")
    async with serving(answer(SOURCE), answer(SOURCE)) as server:
        (tmp_path / "component.json").write_text(json.dumps(fetching(server.url)), encoding="utf-8")
        files = [str(tmp_path / "graph.json"), "--component", str(tmp_path / "component.json")]
        ran = await trio.to_thread.run_sync(partial(run_command, "run", *files, "--inject", "only:in=12"))
        checked = await trio.to_thread.run_sync(partial(run_command, "check", *files))
    assert json.loads(ran.stdout)["value"] == 144, ran.stderr
    assert checked.returncode == 0, checked.stdout
