"""The outputs of an execution over REST: all in order where one waits, and the last ones afterwards."""

from typing import Any

from tests.engine.executions import document, node
from tests.service.chosen import settings_with
from tests.service.serving import Service, open_service, single

TWO = document(
    {
        "in": "symbia.core.passthrough",
        "double": node("symbia.core.map", config={"expression": "value * 2"}),
        "half": node("symbia.core.map", config={"expression": "value / 2"}),
    },
    ["in:out > double:in", "in:out > half:in"],
)
PASS = single("symbia.core.passthrough")


async def _outputs(service: Service, execution: str, query: str = "") -> dict[str, Any]:
    reply = await service.client.get(f"/api/executions/{execution}/outputs{query}")
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def _values(outputs: list[dict[str, Any]]) -> list[Any]:
    return [each["value"] for each in outputs]


async def test_a_wait_shows_all_outputs_in_their_order() -> None:
    """Beside the last one of each port, which stays as it was; their numbers go on from wait to wait."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        path = f"/api/executions/{execution}/inject?wait=5000"
        several = {"messages": [_message(value) for value in (7, 8, 9)]}
        body = (await service.client.post(path, json=several)).json()
        assert (body["outputs"]["only:out"]["value"], body["truncated"]) == (9, False)
        assert body["allOutputs"] == [
            {"sequence": number, "node": "only", "port": "out", "value": number + 6, "lane": "canonical"}
            for number in (1, 2, 3)
        ]
        body = (await service.client.post(path, json=_message(1))).json()
        assert [each["sequence"] for each in body["allOutputs"]] == [4]
        assert _values((await _outputs(service, execution))["outputs"]) == [7, 8, 9, 1]


def _message(value: Any, node_id: str = "only") -> dict[str, Any]:
    return {"nodeId": node_id, "port": "in", "value": value}


async def test_a_delivery_shows_all_outputs_of_all_its_messages() -> None:
    """In the order in which they left, numbered by the execution."""
    async with open_service() as service:
        await service.start({**PASS, "name": "entered", "metadata": {"ingress": {"node": "only"}}})
        body = (await service.client.post("/api/ingress/entered", json=[5, 6])).json()
        assert [(each["sequence"], each["value"]) for each in body["allOutputs"]] == [(1, 5), (2, 6)]
        assert (body["truncated"], body["outputs"]["only:out"]["value"]) == (False, 6)


async def test_the_last_outputs_of_each_port_can_be_read() -> None:
    """All of them, those of one port, those after a number, so many; and as well when the execution has ended."""
    async with open_service(settings_with(port=0, kept_outputs=2)) as service:
        inputs = [_message(value, "in") for value in (2, 4, 6)]
        execution = await service.start(TWO, completion="manual", inputs=inputs)
        await service.runtime.execution(execution).wait_finished()
        whole = await _outputs(service, execution)
        assert (whole["total"], whole["kept"], whole["gone"]) == (6, 4, 2)
        double = await _outputs(service, execution, "?port=double:out")
        assert (double["total"], double["gone"], _values(double["outputs"])) == (3, 1, [8, 12])
        assert _values((await _outputs(service, execution, "?port=half:out&limit=1"))["outputs"]) == [2]
        numbers = [each["sequence"] for each in whole["outputs"]]
        assert numbers == sorted(numbers)
        rest = await _outputs(service, execution, f"?after={numbers[1]}")
        assert [each["sequence"] for each in rest["outputs"]] == numbers[2:]
        assert (await service.client.delete(f"/api/executions/{execution}")).status_code == 204
        assert (await service.client.get(f"/api/executions/{execution}/outputs")).status_code == 404


async def test_errors_that_no_edge_takes_up_are_outputs() -> None:
    """At the port ``error``, with the number that they have among all outputs; guests' outputs as others."""
    graph = {**single("symbia.core.map", config={"expression": "value.a.b"}, onError="continue")}
    async with open_service() as service:
        execution = await service.start(graph, completion="manual")
        path = f"/api/executions/{execution}/inject?wait=5000"
        for value in (None, {"a": {"b": 3}}):
            await service.client.post(path, json=_message(value))
        outputs = (await _outputs(service, execution))["outputs"]
        assert [(each["sequence"], each["port"]) for each in outputs] == [(1, "error"), (2, "out")]
        assert "message" in outputs[0]["value"]


async def test_where_none_are_kept_none_are_shown() -> None:
    """A wait shows them all the same."""
    async with open_service(settings_with(port=0, kept_outputs=0)) as service:
        execution = await service.start(PASS, completion="manual")
        body = (
            await service.client.post(f"/api/executions/{execution}/inject?wait=5000", json=_message(1))
        ).json()
        assert _values(body["allOutputs"]) == [1]
        shown = await _outputs(service, execution)
        assert (shown["total"], shown["kept"], shown["gone"], shown["outputs"]) == (1, 0, 1, [])


async def test_a_port_that_is_not_there_is_refused() -> None:
    """With the one that was probably meant; so are numbers and names that are none."""
    async with open_service() as service:
        execution = await service.start(PASS, completion="manual")
        for query, words in (
            ("port=only:ot", "only:out"),
            ("after=-1", "after"),
            ("limit=0", "limit"),
            ("prot=only:out", "did you mean port?"),
        ):
            reply = await service.client.get(f"/api/executions/{execution}/outputs?{query}")
            assert (reply.status_code, words in reply.json()["error"]) == (400, True), reply.text
