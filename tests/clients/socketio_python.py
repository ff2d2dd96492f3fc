"""Drives python-socketio's client against the test's server, and prints what it meets as one line of JSON.

Usage: python socketio_python.py URL TRANSPORTS, where TRANSPORTS is for example polling,websocket
"""

import json
import queue
import sys
from typing import Any

import socketio  # type: ignore[import-untyped]  # it has no types

SECONDS = 15


def main(url: str, transports: list[str]) -> dict[str, Any]:
    """Meet everything that the server does."""
    met: dict[str, Any] = {}
    client = socketio.Client(reconnection=False)
    heard: queue.Queue[list[Any]] = queue.Queue()
    client.on("auth", lambda auth: met.update(auth=auth))
    client.on("message-back", lambda *args: heard.put(list(args)))
    client.on("question", lambda six, seven: six * seven)
    gone: queue.Queue[bool] = queue.Queue()
    client.on("disconnect", lambda *_: gone.put(True))
    client.on("auth", lambda auth: met.update(custom=auth), namespace="/custom")

    auth = {"token": "123"}
    client.connect(url, auth=auth, transports=transports, namespaces=["/", "/custom"], wait_timeout=SECONDS)
    client.emit("message", (1, "€😀", {"deep": [True, None]}))
    met["echo"] = heard.get(timeout=SECONDS)
    met["transport"] = client.transport()
    met["ack"] = client.call("message-with-ack", {"n": 1}, timeout=SECONDS)
    client.emit("message", (b"\1\2\3", {"inside": b"\4"}))
    first, second = heard.get(timeout=SECONDS)
    met["binary"] = [list(first), list(second["inside"])]
    met["binaryAck"] = list(client.call("message-with-ack", b"\t", timeout=SECONDS))
    for number in range(200):
        client.emit("message", number)
    met["inOrder"] = [heard.get(timeout=SECONDS) for _ in range(200)] == [[number] for number in range(200)]
    met["asked"] = client.call("ask", timeout=SECONDS)

    other = socketio.Client(reconnection=False)
    refusals: queue.Queue[Any] = queue.Queue()
    for namespace in ("/random", "/strict"):
        other.on("connect_error", refusals.put, namespace=namespace)
        try:
            other.connect(url, transports=transports, namespaces=[namespace], wait_timeout=SECONDS)
        except socketio.exceptions.ConnectionError:
            other.disconnect()
    met["unknown"] = refusals.get(timeout=SECONDS)["message"]
    met["refused"] = refusals.get(timeout=SECONDS)

    client.emit("put me out")
    met["putOut"] = gone.get(timeout=SECONDS)
    client.disconnect()
    return met


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2].split(","))) + "\n")
