"""The orders: three graphs in one another, run over HTTP and from the command line, and traced by path."""

import json
from pathlib import Path
from typing import Any

from service.documents.reading import decode_document, format_of_file
from tests.service.serving import open_service, run_command

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "orders"
ORDER = {"id": "A1", "country": "DE", "lines": [{"price": 10, "quantity": 2}, {"price": 0.5, "quantity": 4}]}
ABROAD = {**ORDER, "id": "B2", "country": "FR"}
BROKEN = {"id": "C3", "country": "FR", "lines": 7}


def read(name: str) -> Any:
    """One of the three graphs."""
    return decode_document((FOLDER / name).read_bytes(), format_of_file(name))


def test_they_run_from_the_command_line() -> None:
    """The graphs beside the file are found by their names, and orders enter by the graph's own port."""
    orders = [argument for each in (ORDER, ABROAD) for argument in ("--inject", f"orders={json.dumps(each)}")]
    done = run_command("run", str(FOLDER / "orders.yaml"), *orders)
    assert done.returncode == 0, done.stderr
    lines = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda line: str(line["node"]))
    assert lines == [
        {"node": "abroad/total", "port": "out", "value": {"order": "B2", "lines": 2, "total": 22}},
        {"node": "home/total", "port": "out", "value": {"order": "A1", "lines": 2, "total": 26.18}},
    ]


async def test_they_run_over_http_and_are_traced_by_path() -> None:
    """Values, measurements and errors of each level are told with the path of their node."""
    async with open_service() as service:
        for name in ("pricing.yaml", "order.yaml"):
            await service.load(read(name))
        execution_id = await service.start(read("orders.yaml"), completion="manual")
        path = f"/api/executions/{execution_id}"
        sent = [{"nodeId": "", "port": "orders", "value": value} for value in (ORDER, ABROAD, BROKEN)]
        body = (await service.client.post(f"{path}/inject?wait=5000", json={"messages": sent})).json()
        steps = [(step["node"], step["port"], step["summary"]) for step in body["trace"]]
        priced = [(node, json.loads(value)) for node, port, value in steps if "/price/" in node and port == "out"]
        assert sorted((node, value["net"]) for node, value in priced if node.endswith("/net")) == [
            *(("abroad/price/net", net) for net in (2, 20)),
            *(("home/price/net", net) for net in (2, 20)),
        ]
        assert sorted(value["gross"] for node, value in priced if node == "home/price/round") == [2.38, 23.8]
        assert [json.loads(value)["total"] for node, _, value in steps if node == "abroad/total"] == [22]
        (error,) = [value for node, port, value in steps if (node, port) == ("abroad/lines", "error")]
        assert '"nodeId":"abroad/lines"' in error
        shown = (await service.client.get(path, params={"under": "home/price"})).json()
        assert {each["nodeId"]: each["metrics"]["invocations"] for each in shown["instances"]} == {
            "home/price/net": 2,
            "home/price/round": 2,
        }
