"""Events of nodes that were changed while their execution ran."""

import pytest

from tests.engine.reload.running import STAMP, component
from tests.service.live.live_runtime import open_live_runtime
from tests.service.serving import single

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_events_say_which_version_has_handled_a_message() -> None:
    """From the reload on, of the nodes that it has changed; before it they say nothing of versions."""
    async with open_live_runtime() as live:
        library = live.runtime.library
        await library.register_component(component("own.s", "1.0.0", STAMP))
        client = live.open_client()
        events = ["component:invoked", "port:output"]
        execution_id = await client.start(await live.load(single("own.s")), completion="manual", events=events)
        message = {"executionId": execution_id, "nodeId": "only", "port": "in", "value": []}
        await client.say("execution:inject", **message)
        await client.wait_for("port:output", 1)
        await library.replace_component("own.s", component("own.s", "2.0.0", STAMP))
        await client.say("execution:reload", executionId=execution_id, components={"own.s": None})
        await client.say("execution:inject", **message)
        await client.wait_for("port:output", 2)
    for name in events:
        first, second = client.heard(name)
        assert "version" not in first
        assert (second["version"], second["revision"]) == ("2.0.0", 2)
