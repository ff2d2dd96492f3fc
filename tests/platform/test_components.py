"""The sixteen components against the table of the platform's answers, over HTTP as its clients do it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from service.addresses.outbound_rules import read_allow_list
from tests.platform import recording
from tests.platform.comparing import as_text, is_like, known_cases
from tests.platform.recording import TABLE, answers_of, tables, written
from tests.service.chosen import settings_with
from tests.service.serving import open_service

SIXTEEN = {
    f"symbia.{name}"
    for name in (
        *("io.passthrough", "io.collect", "io.log", "io.delay", "io.http-request"),
        *("transform.map", "logic.filter", "logic.switch", "compute.arithmetic"),
        *("state.latest", "state.join", "state.window", "state.rollup"),
        *("source.timer", "sink.metric", "sink.log"),
    )
}

ROWS_AT_ONCE = 4

PATIENCE_SECONDS = 60.0
"""The time that a request may take, where a machine has much else to do."""

SETTINGS = settings_with(port=0, log_level="error", outbound_allow=read_allow_list("127.0.0.1"))


def test_there_is_a_table_for_each_of_the_sixteen() -> None:
    """Each has a file of its own, which says where its answers come from."""
    found = {path.stem: table for path, table in tables()}
    assert found.keys() == SIXTEEN
    assert all(table["component"] == name and table["source"] for name, table in found.items())


def test_each_known_difference_is_one_of_a_row() -> None:
    """What is listed for a row that is not there is nobody's reason."""
    for _, table in tables():
        configs = {as_text(row["config"]) for row in table["rows"]}
        assert {as_text(case.config) for case in known_cases(table["component"])} <= configs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("component", sorted(SIXTEEN))
async def test_a_component_answers_as_the_platforms(component: str) -> None:
    """Each message leaves by the same port with the same value and lane, or as it is known to differ."""
    ((_, table),) = tables([TABLE / f"{component}.json"])
    known = {as_text(case.config): case for case in known_cases(component)}
    wrong: list[Any] = []
    at_once = trio.CapacityLimiter(ROWS_AT_ONCE)

    async def hold(row: dict[str, Any]) -> None:
        async with at_once:
            wrong.extend(await _problems(client, component, row, known))

    async with (
        open_service(SETTINGS) as service,
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_SECONDS) as client,
        trio.open_nursery() as nursery,
    ):
        for row in table["rows"]:
            nursery.start_soon(hold, row)
    assert wrong == []


async def _problems(
    client: httpx.AsyncClient, component: str, row: dict[str, Any], known: dict[str, Any]
) -> list[Any]:
    ours = await answers_of(client, component, row)
    case = known.get(as_text(row["config"]))
    if ours is None or (case is not None and case.ours is None):
        is_known = ours is None and case is not None and case.ours is None
        return [] if is_known else [(row["config"], "refused" if ours is None else "no more refused")]
    wrong: list[Any] = []
    is_seen = False
    for index, (message, theirs, found) in enumerate(zip(row["messages"], row["answers"], ours, strict=True)):
        expected = theirs if case is None else case.expected(index, theirs)
        is_seen = is_seen or not is_like(component, theirs, found)
        if not is_like(component, expected, found):
            wrong.append((row["config"], message, expected, found))
    return wrong if is_seen or case is None else [*wrong, (row["config"], "differs no more")]


async def test_the_recorder_writes_what_a_runtime_answers(tmp_path: Path) -> None:
    """Against our own service it writes our answers, in the table's form, and says whose they are."""
    file = tmp_path / "symbia.state.join.json"
    ((_, table),) = tables([TABLE / file.name])
    forgotten = [{**row, "answers": []} for row in table["rows"]]
    file.write_text(written({**table, "rows": forgotten}), encoding="utf-8")
    async with open_service(SETTINGS) as service:
        await recording.record(service.url, "", [file])
        recorded = json.loads(file.read_text(encoding="utf-8"))
        assert recorded["source"] == f"recorded from {service.url}"
    assert recorded["rows"] == table["rows"]
