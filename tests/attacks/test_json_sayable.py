"""What is stored must be sayable: nothing that anybody stores makes an error of the lists that all others read.

Each case goes over HTTP to a real service. It is taken or refused with a place; afterwards every list is read.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.settings.table import Settings
from tests.service.chosen import settings_with
from tests.service.serving import Service, open_service
from tests.service.tokens import SECRET, claims, hs

DOCUMENT = {
    "symbia": "1.0",
    "name": "x",
    "nodes": [{"id": "a", "component": "symbia.core.passthrough"}],
    "edges": [],
}
LISTS = ("/api/graphs", "/api/components", "/api/executions", "/api/stats", "/health")

SCALARS = {
    "thousands of hexadecimal digits": "0x" + "f" * 3_900,
    "thousands of octal digits": "0o" + "7" * 3_999,
    "thousands of digits": "9" * 3_999,
    "a negative one": "-" + "9" * 3_999,
    "infinity": ".inf",
    "not a number": ".nan",
    "beyond a float": "1e999",
    "a date": "2026-01-01",
    "a time": "2026-01-01T00:00:00Z",
    "binary": "!!binary aGVsbG8=",
    "half a surrogate pair": '"\\ud800"',
    "both halves": '"\\ud83d\\ude00"',
    "an escaped zero": '"\\0"',
    "a set": "!!set {a, b}",
    "an ordered map": "!!omap [a: 1]",
    "a Python object": "!!python/object/apply:os.system [id]",
    "a key that is no text": "{1: 2, null: 3, true: 4}",
    "a key that is a list": "{[1]: 2}",
    "an anchor": "[&a [1], *a]",
    "a merge": "{<<: {a: 1}}",
}


@asynccontextmanager
async def listing_service(settings: Settings | None = None, **headers: str) -> AsyncIterator[Service]:
    """A service whose lists are all read at the end."""
    async with open_service(settings) as service:
        yield service
        for path in LISTS:
            reply = await service.client.get(path, headers=headers)
            assert reply.status_code == 200, (path, reply.text[:200])
            json.loads(reply.content)


def graph(metadata: str) -> str:
    """A graph in YAML."""
    nodes = "[{id: a, component: symbia.core.passthrough}]"
    return f"symbia: '1.0'\nname: x\nmetadata:\n  it: {metadata}\nnodes: {nodes}\nedges: []\n"


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS)
async def test_no_yaml_in_metadata_spoils_the_list_of_graphs(scalar: str) -> None:
    """Whatever YAML can say is JSON afterwards, or is refused."""
    async with listing_service() as service:
        reply = await service.client.post(
            "/api/graphs", content=graph(scalar), headers={"content-type": "application/yaml"}
        )
        assert reply.status_code in {201, 400}, reply.text
        if reply.status_code == 201:
            shown = await service.client.get(f"/api/graphs/{reply.json()['id']}")
            assert shown.status_code == 200


@pytest.mark.parametrize("scalar", SCALARS.values(), ids=SCALARS)
async def test_no_yaml_in_a_default_spoils_the_list_of_components(scalar: str) -> None:
    """The default of a configuration key is shown to everybody who may use the component."""
    component = (
        "id: custom.x\nname: x\nversion: 1.0.0\nports: {inputs: [in], outputs: [out]}\n"
        f"config:\n  key: {{type: any, default: {scalar}}}\n"
        "execution: {type: javascript, source: 'return { process() {} }'}\n"
    )
    async with listing_service() as service:
        reply = await service.client.post(
            "/api/components", content=component, headers={"content-type": "application/yaml"}
        )
        assert reply.status_code in {201, 400}, reply.text


@pytest.mark.parametrize(
    "value", ["9" * 4_299, "9" * 4_300, "1" * 100_000, "1e308", "1e309", "-0.0", '"\\ud800x"']
)
async def test_no_json_spoils_the_list_of_graphs(value: str) -> None:
    """Numbers at the bounds of what Python reads and writes, and half a pair of surrogates, likewise."""
    async with listing_service() as service:
        body = json.dumps({**DOCUMENT, "metadata": {"it": 0}}).replace('"it": 0', f'"it": {value}')
        reply = await service.client.post(
            "/api/graphs", content=body, headers={"content-type": "application/json"}
        )
        assert reply.status_code in {201, 400}, reply.text


CLAIMS: dict[str, Any] = {
    "an organisation": {"orgId": "\ud800"},
    "organisations": {"organizations": [{"id": "\ud800"}]},
    "a subject": {"sub": "\udfff"},
    "a name": {"name": "x\ud83d"},
    "an entitlement": {"entitlements": ["\ud800"]},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS)
async def test_no_token_brings_half_of_a_surrogate_pair(changes: dict[str, Any]) -> None:
    """A token whose claims cannot be said again is no token; what its bearer would have stored is not there."""
    settings = settings_with(port=0, jwt_secret=SECRET)
    sound = {"Authorization": f"Bearer {hs(SECRET)}"}
    async with listing_service(settings, **sound) as service:
        odd = {"Authorization": f"Bearer {hs(SECRET, body=claims(**changes))}"}
        reply = await service.client.post("/api/graphs", json=DOCUMENT, headers=odd)
        assert reply.status_code == 401
        assert (await service.client.post("/api/graphs", json=DOCUMENT, headers=sound)).status_code == 201


@pytest.mark.parametrize(
    "name", ["X-Org-Id", "X-Trace-Id", "User-Agent", "Origin", "X-Service-Id", "Authorization"]
)
async def test_no_header_is_unsayable(name: str) -> None:
    """Bytes that are no UTF-8 in a header are letters of Latin-1, or nothing."""
    async with listing_service() as service:
        for value in (b"\xff\xed\xa0\x80", b"\xed\xa0\x80" * 50):
            reply = await service.client.get("/api/graphs", headers=[(name.encode(), value)])
            assert reply.status_code < 500
        reply = await service.client.get("/api/graphs?limit=%ed%a0%80&offset=%ff")
        assert reply.status_code == 400
        assert (await service.client.get("/api/graphs/%ed%a0%80")).status_code == 404
