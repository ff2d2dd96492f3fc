"""A service in a process of its own, for as long as a measurement takes."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import trio

from tests.fakes.identity import serving_identity

# A service that is started twice has its bytecode; surroundings that forbid to keep it would be what is measured.
WARM = {"PYTHONDONTWRITEBYTECODE": ""}


class Served(msgspec.Struct, frozen=True):
    """A service that answers at a port of this machine."""

    port: int
    pid: int

    def resident_bytes(self) -> int:
        """The memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self) -> float:
        """The processor time that it has used since its start, its own and the kernel's for it."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serve(**settings: str) -> Iterator[Served]:
    """A service without a log of its requests, which would be measured too; ``settings`` are variables for it."""
    environment = {**os.environ, **WARM, "PORT": "0", "LOG_LEVEL": "warning", "AUTH": "", **settings}
    with subprocess.Popen(
        [sys.executable, "-m", "service", "serve"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Served(_port(process), process.pid)
        finally:
            process.terminate()


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("symbia-runtime serves "):
            port = urlsplit(line.split()[-1]).port
            assert port is not None
            return port
    raise RuntimeError("The service did not start; its complaint stands above")


@contextmanager
def serving_fake_identity() -> Iterator[tuple[str, str]]:
    """An Identity in a thread of its own: its URL, and a token that it knows."""
    ready, over = threading.Event(), trio.Event()
    found: list[tuple[str, str]] = []
    token: list[trio.lowlevel.TrioToken] = []

    async def run() -> None:
        async with serving_identity() as fake:
            found.append((fake.url, fake.add_user("alice", "org-a")))
            token.append(trio.lowlevel.current_trio_token())
            ready.set()
            await over.wait()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        token[0].run_sync_soon(over.set)
        thread.join()
