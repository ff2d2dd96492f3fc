"""Many Socket.IO clients in one process, which only count what they hear: `python -m benchmarks.socket_clients`.

Speaks the WebSocket transport with bare sockets and counts frames by their first bytes, so that the clients cost
as little as they can: what is measured shares the machine with them. Each line of standard input asks for the
counts so far, which are printed as a line of JSON.
"""

import json
import os
import sys
import time

import trio

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPENING_AT_ONCE = 50
LATENCY_EVERY = 50
"""Of so many hops of the first watcher, one is looked at for its age."""

EMIT, INVOKED = b'42["port:emit"', b'42["component:invoked"'
COMPLETED, SKIPPED, SUBSCRIBED = b'42["execution:completed"', b'42["events:skipped"', b'42["execution:state"'
PING, CONNECTED = b"2", b"40{"


class Counts:
    """What all clients have heard together."""

    def __init__(self) -> None:
        self.connected = 0
        self.subscribed = 0
        self.flow = 0
        self.frames = 0
        self.skipped = 0
        self.completed = 0
        self.ended = 0
        self.ages_ms: list[float] = []
        self.hops = 0

    def line(self) -> str:
        """As JSON."""
        return json.dumps(vars(self))


def masked(text: str) -> bytes:
    """A client's text frame, with a mask of zeros."""
    data = text.encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data


class Client:
    """One connection."""

    def __init__(self, counts: Counts, execution_id: str, *, is_watcher: bool, looks_at_ages: bool) -> None:
        self._counts = counts
        self._execution_id = execution_id
        self._is_watcher = is_watcher
        self._looks_at_ages = looks_at_ages

    async def open(self, port: int) -> trio.SocketStream:
        """Connect, as far as the first frame."""
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        self.buffer = bytearray()
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += await stream.receive_some()
        if b" 101 " not in self.buffer[:20]:
            raise SystemExit(f"refused: {bytes(self.buffer[:200])!r}")
        del self.buffer[: self.buffer.index(b"\r\n\r\n") + 4]
        await stream.send_all(masked("40"))
        return stream

    async def listen(self, stream: trio.SocketStream) -> None:
        """Count until the connection ends."""
        while True:
            for answer in self._take():
                await stream.send_all(masked(answer))
            data = await stream.receive_some(262_144)
            if not data:
                self._counts.ended += 1
                return
            self.buffer += data

    def _take(self) -> list[str]:
        """Count the whole frames; what is to be answered."""
        counts, data, answers = self._counts, bytes(self.buffer), []
        at, end = 0, len(data)
        while at + 2 <= end:
            size, head = data[at + 1], at + 2
            if size == 126:
                size, head = int.from_bytes(data[head : head + 2], "big"), head + 2
            elif size == 127:
                size, head = int.from_bytes(data[head : head + 8], "big"), head + 8
            if head + size > end:
                break
            counts.frames += 1
            if data.startswith(EMIT, head):
                counts.flow += 1
                if self._looks_at_ages:
                    self._note_age(data[head + 2 : head + size])
            elif data.startswith(INVOKED, head):
                counts.flow += 1
            elif data.startswith(COMPLETED, head):
                counts.completed += 1
            elif data.startswith(SKIPPED, head):
                counts.skipped += json.loads(data[head + 2 : head + size])[1]["count"]
            elif data.startswith(SUBSCRIBED, head):
                counts.subscribed += 1
            elif data[head : head + size] == PING:
                answers.append("3")
            elif data.startswith(CONNECTED, head):
                counts.connected += 1
                if self._is_watcher:
                    command = json.dumps(["execution:subscribe", {"executionId": self._execution_id}])
                    answers.append(f"42{command}")
            at = head + size
        del self.buffer[:at]
        return answers

    def _note_age(self, event: bytes) -> None:
        self._counts.hops += 1
        if self._counts.hops % LATENCY_EVERY == 0:
            self._counts.ages_ms.append(time.time() * 1000 - json.loads(event)[1]["timestamp"])


async def main(port: int, clients: int, watchers: int, execution_id: str) -> None:
    """Connect all clients, then answer each line of standard input with the counts."""
    counts = Counts()
    turn = trio.CapacityLimiter(OPENING_AT_ONCE)

    async def live(client: Client) -> None:
        async with turn:
            stream = await client.open(port)
        try:
            await client.listen(stream)
        except trio.BrokenResourceError:
            counts.ended += 1

    async with trio.open_nursery() as nursery:
        for index in range(clients):
            client = Client(counts, execution_id, is_watcher=index < watchers, looks_at_ages=index == 0)
            nursery.start_soon(live, client)
        lines = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
        while await lines.receive_some(1):
            print(counts.line(), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    _port, _clients, _watchers, _execution_id = sys.argv[1:]
    trio.run(main, int(_port), int(_clients), int(_watchers), _execution_id)
