"""Other people's engines, each in a process of its own; peers/README.md says what they are and how they differ.

A peer is a program that reads one JSON request a line and answers with one JSON line. Those for Node.js are
installed on demand, from the lock file beside them; where that is not possible, they are left out, with a message.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.workloads import Workload
from benchmarks.works import WORKS

FOLDER = Path(__file__).resolve().parent / "peers"

NODE_PEERS = ("nodered", "noflo")
PYTHON_PEERS = ("streamz",)
PEERS = (*NODE_PEERS, *PYTHON_PEERS)


class PeerMissingError(Exception):
    """A peer cannot be had here; the message says why."""


class PeerError(Exception):
    """A peer failed, or lost a message."""


class Peer:
    """A peer that runs. Made by :func:`open_peer`, or for any program that speaks as peers do by ``running``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        hello = self._reply()
        self.name: str = hello["name"]
        self.version: str = hello["version"]

    @classmethod
    @contextmanager
    def running(cls, command: list[str]) -> Iterator["Peer"]:
        """A peer that is started by a command, until the end of the block."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    def throughput(self, workload: Workload, messages: int) -> float:
        """Seconds a message takes while as many are on their way as the peer takes."""
        reply = self._ask(workload, mode="throughput", messages=messages, warmUp=max(1, messages // 5))
        return float(reply["seconds"] / reply["messages"])

    def closed_loop(self, workload: Workload, messages: int) -> list[float]:
        """Seconds of each message, the next one sent when its outputs have arrived."""
        reply = self._ask(workload, mode="closed", messages=messages, warmUp=messages)
        return [float(each) for each in reply["latencies"]]

    def open_loop(self, workload: Workload, messages: int, rate: float) -> list[float]:
        """Seconds of each message from when it was due, at so many a second."""
        reply = self._ask(workload, mode="open", messages=messages, rate=rate, warmUp=min(messages, 2_000))
        return [float(each) for each in reply["latencies"]]

    def _ask(self, workload: Workload, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**workload.request(), **request}) + "\n")
        self._process.stdin.flush()
        reply = self._reply()
        if "error" in reply:
            raise PeerError(f"{self.name}: {reply['error']}")
        expected = expected_output(workload)
        if reply["last"] != expected:
            raise PeerError(f"{self.name} answers {str(reply['last'])[:80]}, and not {str(expected)[:80]}")
        return reply

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("The peer ended; its complaint stands above")
        reply: dict[str, Any] = json.loads(line)
        return reply


def expected_output(workload: Workload) -> Any:
    """The value that each message comes out as."""
    value = json.loads(workload.value)
    for _ in range(_depth(workload)):
        value = WORKS[workload.work].run(value)
    return value


def _depth(workload: Workload) -> int:
    node, depth = workload.entries[0], 1
    successors = dict(workload.edges)
    while node in successors:
        node, depth = successors[node], depth + 1
    return depth


@contextmanager
def open_peer(name: str, *, install: bool = True) -> Iterator[Peer]:
    """A running peer.

    Args:
        name: one of ``PEERS``.
        install: whether it may be installed.

    Raises:
        PeerMissingError: it cannot be had here.
    """
    command_of = node_command if name in NODE_PEERS else _python_command
    with Peer.running(command_of(name, install=install)) as peer:
        yield peer


@contextmanager
def open_peers(names: Sequence[str]) -> Iterator[tuple[list[Peer], list[str]]]:
    """Those peers that can be had here, and one sentence for each that cannot."""
    with ExitStack() as stack:
        peers, missing = [], []
        for name in names:
            try:
                peers.append(stack.enter_context(open_peer(name)))
            except (PeerMissingError, PeerError) as error:
                missing.append(str(error))
        yield peers, missing


@contextmanager
def serve_express(*, install: bool = True) -> Iterator[int]:
    """A bare Express: the port that it serves on.

    Raises:
        PeerMissingError: it cannot be had here.
    """
    command = node_command("express", install=install, program="server.js")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def node_command(name: str, *, install: bool, program: str = "peer.js") -> list[str]:
    """The command that runs a peer for Node.js, which is installed first where it may be.

    Raises:
        PeerMissingError: it cannot be had here.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise PeerMissingError(f"{name} is left out: it needs node and npm")
    folder = FOLDER / name
    if not (folder / "node_modules" / ".package-lock.json").exists():
        if not install:
            raise PeerMissingError(f"{name} is left out: it is not installed; `make bench` does that")
        sys.stderr.write(f"Installing {name} from npm, once …\n")
        try:
            subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        except subprocess.CalledProcessError as error:
            raise PeerMissingError(f"{name} is left out: npm could not install it ({error})") from error
    return [node, str(folder / program)]


def _python_command(name: str, *, install: bool) -> list[str]:
    if find_spec(name) is None:
        if not install:
            raise PeerMissingError(f"{name} is left out: it is not installed; `make bench` does that")
        sys.stderr.write(f"Installing {name} from PyPI, once …\n")
        groups = tomllib.loads((FOLDER.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
        requirements = groups["dependency-groups"]["peers"]
        try:
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *requirements], check=True)
        except subprocess.CalledProcessError as error:
            raise PeerMissingError(f"{name} is left out: pip could not install it ({error})") from error
    return [sys.executable, "-m", f"benchmarks.peers.{name}_peer"]
