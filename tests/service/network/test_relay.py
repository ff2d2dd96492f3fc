"""The relay: on the Network, off it, and back again."""

import tracemalloc
from datetime import datetime
from functools import partial

import msgspec
import pytest
import trio
import trio.testing

from proto.message import Injection
from service.network.opening import CAPABILITIES
from service.network.relay import HEARTBEAT_SECONDS, REGISTER_ATTEMPTS
from service.siblings.backoff import ASKED_LIMIT_SECONDS, LONGEST_SECONDS
from tests.fakes.network import MISBEHAVIOURS, Behaviour, FakeNetwork, serving_network
from tests.service.network.networked_runtime import NetworkedRuntime, bound_graph, open_networked_runtime


@pytest.fixture
def patient_clock() -> trio.testing.MockClock:
    """A clock that jumps when nothing happened for a moment: what is on its way through a socket arrives first."""
    return trio.testing.MockClock(autojump_threshold=0.02)


async def test_the_service_registers_and_takes_leave() -> None:
    """It says what the platform's own runtime says of itself, and goes as it came."""
    async with serving_network() as network:
        async with open_networked_runtime(
            network.url, service_id="runtime-7", runtime_advertised_url="http://me:1/x/"
        ) as world:
            await network.wait_registered("runtime-7")
            while not world.report.attempts:
                await trio.lowlevel.checkpoint()
            assert world.report.state == "up"
        (node,) = network.told("node:register")
        assert (node["id"], node["name"], node["type"]) == ("runtime-7", "Runtime", "service")
        assert tuple(node["capabilities"]) == CAPABILITIES
        assert node["endpoint"] == "http://me:1/x/api/network/receive"
        assert set(node["metadata"]) == {"startedAt", "version"}
        assert network.told("node:unregister") == [{"nodeId": "runtime-7"}]
        assert not network.nodes


async def test_an_event_enters_one_graph_and_leaves_another() -> None:
    """From the Network through a graph, back to the Network, into a second graph, and out again."""
    async with serving_network() as network:
        network.contracts.add(("runtime", "orders.priced", "runtime"))
        async with open_networked_runtime(network.url) as world:
            await network.wait_registered()
            first = await world.start(
                bound_graph(
                    {"a": {"input": {"network": "orders.new"}}, "b": {"output": {"network": "orders.priced"}}},
                    {"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"},
                    ("a", "b"),
                )
            )
            second = await world.start(
                bound_graph({"a": {"in": {"network": "orders.*"}, "out": {"network": "done", "target": "shop"}}})
            )
            event_id = await network.send("shop", "orders.priced", {"id": 7}, target="runtime")
            await network.wait_until(lambda: len(network.sent("done")) == 1)
            order_id = await network.send("shop", "orders.new", {"id": 8}, target="runtime")
            await network.wait_until(lambda: len(network.sent("done")) == 3)
    assert [event["payload"]["data"] for event in network.sent("done")] == [{"id": 7}, {"id": 8}, {"id": 8}]
    (priced,) = network.sent("orders.priced")
    assert priced == {
        "payload": {"type": "orders.priced", "data": {"id": 8}},
        "source": "runtime",
        "runId": first,
        "boundary": "intra",
        "causedBy": order_id,
    }
    done = network.sent("done")
    assert done[0]["causedBy"] == event_id
    assert done[0]["target"] == "shop"
    assert {event["runId"] for event in done} == {second}
    priced_id = next(each["wrapper"]["id"] for each in network.events if each["payload"] == priced["payload"])
    assert {done[1]["causedBy"], done[2]["causedBy"]} == {order_id, priced_id}


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
async def test_a_network_that_misbehaves_is_tried_again(
    behaviour: Behaviour, patient_clock: trio.testing.MockClock
) -> None:
    """Whatever it does, the relay notices, waits, comes back, and is registered once the Network behaves."""
    del patient_clock
    async with serving_network() as network:
        network.behaviour = behaviour
        async with open_networked_runtime(network.url) as world:
            while world.report.failures < 2:  # noqa: ASYNC110  the clock is a mock
                await trio.sleep(0.5)
            assert world.report.last_error
            assert "127.0.0.1" not in world.report.last_error
            network.behaviour = "well"
            with trio.fail_after(60):
                await network.wait_registered()
            await trio.sleep(1)
            assert world.report.state == "up"


async def test_a_registration_that_is_not_acknowledged_is_sent_again(
    patient_clock: trio.testing.MockClock,
) -> None:
    """Every two seconds, five times; then the connection is made anew."""
    del patient_clock
    async with serving_network() as network:
        network.behaviour = "no acks"
        async with open_networked_runtime(network.url) as world:
            while not world.report.failures:  # noqa: ASYNC110  likewise
                await trio.sleep(0.5)
        assert len(network.told("node:register")) == REGISTER_ATTEMPTS
        assert network.connections == 1


async def test_a_network_that_is_down_at_boot_is_found_later(patient_clock: trio.testing.MockClock) -> None:
    """Nobody waits for it, and it is joined when it has come."""
    del patient_clock
    async with serving_network() as absent:
        port = int(absent.url.rpartition(":")[2])
    async with open_networked_runtime(absent.url) as world:
        await trio.sleep(100)
        assert world.report.state == "down"
        assert 60 <= world.report.failures <= 150
        async with serving_network(port=port) as network:
            with trio.fail_after(2):
                await network.wait_registered()


async def test_a_network_that_restarts_has_the_node_back_at_once(patient_clock: trio.testing.MockClock) -> None:
    """Within two seconds of its coming, however long it was away; what was sent meanwhile arrives."""
    del patient_clock
    async with serving_network() as first:
        port = int(first.url.rpartition(":")[2])
    async with open_networked_runtime(first.url) as world:
        execution = await world.start(bound_graph({"a": {"out": {"network": "numbers"}}}))
        for away_seconds in (1, 5, 600):
            await trio.sleep(away_seconds)
            await _inject(world, execution, away_seconds)
            async with serving_network(port=port) as network:
                came = trio.current_time()
                await network.wait_registered()
                assert trio.current_time() - came < 2
                await network.wait_until(partial(network.sent, "numbers"))
                assert [event["payload"]["data"] for event in network.sent("numbers")] == [away_seconds]


async def test_heartbeats_keep_the_node_alive(patient_clock: trio.testing.MockClock) -> None:
    """Twice a minute, and pings are answered; a Network that forgot the node is told again at once."""
    del patient_clock
    async with serving_network() as network, open_networked_runtime(network.url):
        await network.wait_registered()
        await trio.sleep(3.5 * HEARTBEAT_SECONDS)
        assert network.told("node:heartbeat") == [{"nodeId": "runtime"}] * 3
        assert network.pongs == 4
        network.nodes.clear()
        await trio.sleep(HEARTBEAT_SECONDS)
        assert "runtime" in network.nodes
        assert network.connections == 1


async def test_a_network_that_falls_silent_is_left(patient_clock: trio.testing.MockClock) -> None:
    """Without a ping within the promised time the connection is given up, and made anew."""
    del patient_clock
    async with serving_network() as network, open_networked_runtime(network.url) as world:
        await network.wait_registered()
        network.behaviour = "mute"
        await trio.sleep(44)
        assert world.report.attempts == 1
        await trio.sleep(2)
        assert world.report.last_error == "silent for 45 s"
        network.behaviour = "well"
        await trio.sleep(30)
        assert world.report.state == "up"


async def test_events_wait_for_a_network_that_is_away(patient_clock: trio.testing.MockClock) -> None:
    """What leaves graphs meanwhile is sent in its order when the Network is back."""
    del patient_clock
    async with serving_network() as network:
        async with open_networked_runtime(network.url) as world:
            await network.wait_registered()
            execution = await world.start(bound_graph({"a": {"out": {"network": "numbers"}}}))
            network.behaviour = "hangs up"
            await network.drop_connections()
            await trio.sleep(3)
            for number in range(40):
                await _inject(world, execution, number)
            await trio.sleep(3)
            assert not network.sent("numbers")
            network.behaviour = "well"
            await network.wait_until(lambda: len(network.sent("numbers")) == 40)
        assert [event["payload"]["data"] for event in network.sent("numbers")] == list(range(40))


async def test_an_event_that_is_refused_is_counted(patient_clock: trio.testing.MockClock) -> None:
    """A nack, a missing acknowledgement and too large an event are each counted, and the next one is sent."""
    del patient_clock
    async with serving_network() as network:
        network.max_payload = 10_000
        async with open_networked_runtime(network.url) as world:
            await network.wait_registered()
            relay = world.network.relay
            assert relay is not None
            execution = await world.start(bound_graph({"a": {"out": {"network": "x"}}}))
            await _inject(world, execution, "y" * 20_000)
            network.behaviour = "refuses events"
            await _inject(world, execution, 1)
            await trio.sleep(1)
            network.behaviour = "no acks"
            await _inject(world, execution, 2)
            await trio.sleep(20)
            network.behaviour = "well"
            await _inject(world, execution, 3)
            await trio.sleep(1)
            assert dict(relay.counts) == {"refused": 2, "unconfirmed": 1, "sent": 1}
            await _inject(world, execution, "z" * 1_000_000)
            await trio.sleep(1)
            assert dict(world.network.outbox.dropped) == {"too large": 1}
        assert [event["payload"]["data"] for event in network.sent("x")] == [1, 2, 3]


async def test_ten_minutes_of_flapping_leave_nothing_behind(patient_clock: trio.testing.MockClock) -> None:
    """A Network that comes and goes costs few connections, no memory and no tasks, and is found again in time."""
    del patient_clock
    network = FakeNetwork()
    recoveries: list[float] = []
    sizes: list[int] = []
    async with serving_network(network) as first:
        port = int(first.url.rpartition(":")[2])
    async with open_networked_runtime(network.url) as world:
        execution = await world.start(bound_graph({"a": {"in": {"network": "in"}, "out": {"network": "out"}}}))
        living = 0
        tracemalloc.start()
        for round_number in range(10):
            connections = network.connections
            for _ in range(3):
                for _ in range(4):
                    await _inject(world, execution, round_number)
                await trio.sleep(10)
            assert network.connections == connections
            async with serving_network(network, port=port):
                began = trio.current_time()
                await network.wait_registered()
                recoveries.append(trio.current_time() - began)
                await network.wait_until(lambda: len(network.sent("out")) >= 12)
                await network.send("shop", "in", 1, target="runtime")
                await network.wait_until(lambda: len(network.sent("out")) >= 13)
                await trio.sleep(max(1.0, 29 - recoveries[-1]))
                await network.drop_connections()
                await trio.sleep(0.5)
            network.received.clear()
            network.events.clear()
            living = living or trio.lowlevel.current_statistics().tasks_living
            assert trio.lowlevel.current_statistics().tasks_living <= living
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert network.connections <= 20
    assert max(recoveries) <= LONGEST_SECONDS
    assert sizes[-1] - sizes[2] < 300_000


async def _inject(world: NetworkedRuntime, execution: str, value: object) -> None:
    message = Injection("a", "in", msgspec.Raw(msgspec.json.encode(value)))
    await world.runtime.execution(execution).inject([message])


async def test_the_network_is_left_alone_as_long_as_it_asks() -> None:
    """``Retry-After`` of a refused connection counts where it is longer than our own patience, within a bound."""
    async with serving_network() as network:
        network.behaviour, network.retry_after = "hangs up", "86400"
        async with open_networked_runtime(network.url) as world:
            while world.report.state != "down":
                await trio.lowlevel.checkpoint()
            report = world.report
            wait = datetime.fromisoformat(report.next_try_at) - datetime.fromisoformat(report.last_error_at)
            assert round(wait.total_seconds()) == ASKED_LIMIT_SECONDS
            assert "status 503" in report.last_error
