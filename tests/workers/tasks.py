"""What the workers of these tests do; imported by their processes."""

import os
import time
from pathlib import Path


def echo(payload: bytes) -> bytes:
    """The payload itself."""
    return payload


def process_id(_: bytes) -> bytes:
    """Which process works."""
    return str(os.getpid()).encode()


def refuse(payload: bytes) -> bytes:
    """Raises what the payload says."""
    raise ValueError(payload.decode())


def spin(_: bytes) -> bytes:
    """Never ends, and never lets go of the interpreter for long."""
    while True:
        pass


def hoard(_: bytes) -> bytes:
    """Asks for more and more memory."""
    kept = []
    while True:
        kept.append(bytearray(16 * 1024 * 1024))


def abort(_: bytes) -> bytes:
    """Dies as a library that gives up does."""
    os.write(2, b"the library\n  gave up")
    os.abort()


def leave(_: bytes) -> bytes:
    """Ends the process, as no task may."""
    os._exit(3)


def long_reply(payload: bytes) -> bytes:
    """As many bytes as the payload says."""
    return b"x" * int(payload)


def chatter(payload: bytes) -> bytes:
    """Prints, and reads its standard input, as a library might."""
    os.write(1, b"chatter")
    return payload + os.read(0, 10)


def write_file(payload: bytes) -> bytes:
    """Writes a file where the payload says."""
    with Path(payload.decode()).open("wb", buffering=0) as file:
        file.write(b"x" * 100)
    return b""


def nap(payload: bytes) -> bytes:
    """Takes as long as the payload says, in seconds."""
    time.sleep(float(payload))
    return payload


def swell(payload: bytes) -> bytes:
    """Keeps as much memory as the payload says."""
    globals().setdefault("kept", []).append(bytearray(int(payload)))
    return str(os.getpid()).encode()
