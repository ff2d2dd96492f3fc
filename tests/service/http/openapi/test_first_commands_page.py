"""The way from the root: people to the console, programs to the text; and the page of first commands."""

import re
import subprocess
import sys
from html import unescape

import pytest

from service.http.openapi.first_commands_page import FALLBACK_HOST, first_commands_page
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import ROOT, clean_environment, open_service, start_process

BROWSERS = {
    "Chromium": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "somebody who says only that": "text/html",
}
PROGRAMS = {
    "curl": "*/*",
    "httpx": "*/*",
    "a language model's fetcher": "text/plain, text/html;q=0.9",
    "Markdown": "text/markdown",
    "a client of JSON": "application/json, text/plain, */*",
    "nothing said": "",
}


@pytest.mark.parametrize("accept", BROWSERS.values(), ids=BROWSERS)
async def test_a_browser_gets_to_the_console(accept: str) -> None:
    """By a relative address, so also behind a proxy; and a cache is told that others get something else."""
    async with open_service() as service:
        reply = await service.client.get("/", headers={"Accept": accept})
        assert (reply.status_code, reply.headers["Location"]) == (302, "console/")
        assert "Accept" in reply.headers["Vary"].split(", ")
        assert (await service.client.get("/console/")).status_code == 200


async def test_the_page_of_first_commands_fetches_nothing() -> None:
    """HTML, from nowhere else, with every placeholder filled in."""
    async with open_service() as service:
        reply = await service.client.get("/docs/first-commands")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert re.findall(r'(?:src|href)="(?!/|data:)[^"]*"|@import|url\(', reply.text) == []
    assert "$" not in re.sub(r"<code>.*?</code>|<script>.*?</script>", "", reply.text, flags=re.DOTALL)


@pytest.mark.parametrize("accept", PROGRAMS.values(), ids=PROGRAMS)
async def test_a_program_gets_to_the_text(accept: str) -> None:
    """Whoever does not prefer HTML is sent to the text, as before."""
    async with open_service() as service:
        reply = await service.client.get("/", headers={"Accept": accept})
    assert (reply.status_code, reply.headers["Location"]) == (302, "/docs/llms.txt")
    assert "Accept" in reply.headers["Vary"].split(", ")


async def test_every_link_of_the_page_leads_somewhere() -> None:
    """The reference, the documents, health, metrics and the lists are there."""
    async with open_service() as service:
        page = (await service.client.get("/docs/first-commands")).text
        links = set(re.findall(r'href="(/[^"]*)"', page))
        assert {"/docs", "/docs/openapi.json", "/docs/llms-full.txt", "/health", "/metrics"} <= links
        for link in links:
            assert (await service.client.get(link)).status_code == 200, link


def test_the_commands_of_the_page_work() -> None:
    """Pasted into a shell one after the other they show 42, 144, and the end of the second execution."""
    with start_process() as process:
        done = subprocess.run(
            ["curl", "-s", f"{process.url}/docs/first-commands"], capture_output=True, text=True, check=True
        )
        first, component, watching = [
            unescape(found) for found in re.findall(r"<figure><pre><code>(.*?)</code>", done.stdout, re.DOTALL)
        ]
        end = "curl -s -o /dev/null -X POST $URL/api/executions/$EXECUTION/stop\n"
        watch = watching.replace("symbia-runtime", f"{sys.executable} -m service")
        shell = subprocess.run(
            ["bash", "-c", first + component + end + watch],
            cwd=ROOT,
            env=clean_environment({}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert '"message":"42"' in shell.stdout
    assert '"square:out":{"value":144' in shell.stdout.replace(" ", "")
    assert (shell.stdout.splitlines()[-1], shell.returncode) == ("cancelled", 3)


async def test_the_page_says_how_to_say_who_one_is() -> None:
    """Where callers are asked who they are, the page is for everybody, and says what its commands need."""
    async with open_service_with_identity() as world:
        reply = await world.service.client.get("/docs/first-commands")
    assert reply.status_code == 200
    assert "Authorization: Bearer $TOKEN" in reply.text


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("runtime.example:8080", "runtime.example:8080"),
        ("[::1]:5006", "[::1]:5006"),
        ("a;rm -rf $HOME", FALLBACK_HOST),
        ("<script>", FALLBACK_HOST),
        ("", FALLBACK_HOST),
    ],
)
def test_a_host_that_could_not_stand_in_a_shell_does_not(host: str, shown: str) -> None:
    """The commands go to the host that the request names, where that is one."""
    page = first_commands_page(scheme="http", host=host, authenticated=False)
    assert f"URL=http://{shown}\n" in page
    assert host == shown or not host or host not in page.replace("<script>", "", 1)
