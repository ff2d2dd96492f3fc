"""Starts the service as a program of its own, on a free port, and ends it again."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

START_SECONDS = 60.0
"""The first start on a machine compiles the QuickJS guest for its processor, which takes a second or two."""

_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class ServerError(Exception):
    """The service did not start; the message holds what it said."""


@contextmanager
def open_server(reachable: str = "") -> Iterator[str]:
    """The URL of a service that lives as long as the block.

    Args:
        reachable: ``host:port`` on this machine that the service may send requests to, which it else may not.

    Raises:
        ServerError: it ended, or said no URL within START_SECONDS.
    """
    command = [sys.executable, "-m", "service", "serve"]
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": "0", "RUNTIME_PORT": "", "PYTHONUNBUFFERED": "1"}
    environment |= {"OUTBOUND": "", "OUTBOUND_ALLOW": reachable}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            url = _read_url(process)
            watchdog.cancel()
            # Unread output would fill the pipe and block the service.
            threading.Thread(target=_drain, args=(process,), daemon=True).start()
            yield url
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGTERM)
            process.wait()


def _read_url(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stdout or ():
        found = _URL.search(line)
        if found:
            return found.group()
        said.append(line)
    raise ServerError(f"The service did not start. It said:\n{''.join(said) or '(nothing)'}")


def _drain(process: subprocess.Popen[str]) -> None:
    for _ in process.stdout or ():
        pass
