"""Cases of graphs with parameters, variables of the environment and secrets."""

from trio.testing import MockClock

from tests.engine.testing.playing import complaints_of


async def test_a_case_gives_a_graph_what_it_asks_for(mock_clock: MockClock) -> None:
    """``config`` holds the parameters of a graph, ``env`` and ``secrets`` what its placeholders name."""
    graph = {
        "symbia": "1.0",
        "name": "priced",
        "parameters": {"rate": {"type": "number", "default": 2}},
        "nodes": [
            {"id": "price", "component": "symbia.core.map", "config": {"expression": "value * param.rate"}},
            {
                "id": "ask",
                "component": "symbia.io.http-request",
                "config": {"url": "https://${env.SHOP}/", "headers": {"x-key": "${secret.key}"}},
            },
        ],
        "edges": [],
    }
    stand_in = {"request": {"url": "https://shop.example/", "headers": {"x-key": "s3cret"}}}
    file = {"graph": graph, "env": {"SHOP": "shop.example"}, "secrets": {"key": "s3cret"}}
    found = await complaints_of(
        mock_clock,
        file,
        {"send": [{"price": 3}], "expect": {"price:out": [6]}},
        {"config": {"rate": 10}, "send": [{"price": 3}], "expect": {"price:out": [30]}},
        {"http": [stand_in], "send": [{"ask": 1}], "expect": {"ask:out": {"$length": 1}}},
        {"config": {"rate": "much"}},
        {"config": {"rat": 1}},
    )
    assert found[:3] == [(), (), ()]
    assert ["rate" in found[3][0], "rat" in found[4][0]] == [True, True]
