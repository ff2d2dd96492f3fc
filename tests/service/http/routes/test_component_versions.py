"""Versions of components over HTTP: replaced, listed, shown, gone back to; tags and conditions."""

from tests.service.serving import SQUARE, open_service, single

PATH = f"/api/components/{SQUARE['id']}"
NEXT = {**SQUARE, "version": "2.0.0"}


async def test_a_component_is_replaced_under_its_id() -> None:
    """201 for the first version and 200 for the next; all can be seen, and gone back to."""
    async with open_service() as service:
        client = service.client
        first = await client.put(PATH, json=SQUARE)
        assert (first.status_code, first.json()) == (201, {"registered": SQUARE["id"], "versionNumber": 1})
        assert (await client.put(PATH, json=SQUARE)).headers["ETag"] == first.headers["ETag"]
        second = await client.put(PATH, json=NEXT, headers={"If-Match": first.headers["ETag"]})
        assert (second.status_code, second.json()["versionNumber"]) == (200, 2)
        listed = (await client.get(f"{PATH}/versions")).json()
        assert [(each["number"], each["version"], each["isPresent"]) for each in listed["versions"]] == [
            (1, "1.0.0", False),
            (2, "2.0.0", True),
        ]
        shown = [(await client.get(f"{PATH}{query}")).json()["version"] for query in ("", "?version=1")]
        assert shown == ["2.0.0", "1.0.0"]
        same = await client.get(PATH, headers={"If-None-Match": second.headers["ETag"]})
        assert (same.status_code, same.content) == (304, b"")
        back = await client.post(f"{PATH}/rollback", json={"version": 1})
        assert (back.status_code, back.json()["versionNumber"]) == (200, 3)


async def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    """412 for another tag, 400 for another id, 409 for a built-in one and for graphs that it would break."""
    async with open_service() as service:
        client = service.client
        tag = (await client.post("/api/components", json=SQUARE)).headers["ETag"]
        await service.load(single(SQUARE["id"]))
        stale = await client.put(PATH, json=NEXT, headers={"If-Match": '"7-0"'})
        assert (stale.status_code, stale.headers["ETag"]) == (412, tag)
        assert (await client.put(PATH, json=NEXT, headers={"If-None-Match": "*"})).status_code == 412
        assert (await client.delete(PATH, headers={"If-Match": '"7-0"'})).status_code == 412
        other = await client.put(PATH, json={**NEXT, "id": "custom.other"})
        assert (other.status_code, other.json()["problems"][0]["code"]) == (400, "component.other_id")
        built_in = await client.put("/api/components/symbia.core.map", json=NEXT)
        assert (built_in.status_code, built_in.json()["code"]) == (409, "component.built_in")
        needs = {**NEXT, "config": {"power": {"type": "number", "required": True}}}
        breaking = await client.put(PATH, json=needs)
        assert (breaking.status_code, breaking.json()["code"]) == (409, "component.breaks_graphs")
        assert breaking.json()["problems"][0]["path"].endswith("nodes[0].config.power")
        assert (await client.get(PATH)).headers["ETag"] == tag
        for path in (f"{PATH}?version=9", "/api/components/custom.never/versions"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/api/components/symbia.core.map/versions")).json()["versions"] == []
