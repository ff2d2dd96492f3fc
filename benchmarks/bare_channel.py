"""The yardstick: tasks that relay messages over plain Trio memory channels, with nothing between."""

import time

import trio


async def hop_seconds(hops: int, messages: int) -> float:
    """Seconds a hop takes when one message at a time travels through a row of ``hops`` relaying tasks."""
    async with trio.open_nursery() as nursery:
        entrance, receive = trio.open_memory_channel[bytes](1)
        for _ in range(hops):
            send, next_receive = trio.open_memory_channel[bytes](1)
            nursery.start_soon(_relay, receive, send)
            receive = next_receive
        started = time.perf_counter()
        for _ in range(messages):
            await entrance.send(b"21")
            await receive.receive()
        seconds = time.perf_counter() - started
        nursery.cancel_scope.cancel()
    return seconds / (messages * hops)


async def _relay(receive: trio.MemoryReceiveChannel[bytes], send: trio.MemorySendChannel[bytes]) -> None:
    async for value in receive:
        await send.send(value)


def call_seconds(calls: int, messages: int) -> float:
    """Seconds that a message takes through so many plain function calls: the floor under every engine."""
    value = 0
    began = time.perf_counter()
    for _ in range(messages):
        value = 21
        for _ in range(calls):
            value = _double(value)
    seconds = time.perf_counter() - began
    if value != 21 * 2**calls:
        raise RuntimeError("Python cannot count")
    return seconds / messages


def _double(value: int) -> int:
    return value * 2
