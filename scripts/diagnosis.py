"""From the output of a program that failed to a sentence that says what to do."""

import re
from pathlib import Path
from typing import NamedTuple

SHOWN_LINES = 12
"""Lines of the failed program that are worth a reader's time; the log holds the rest."""


class Cause(NamedTuple):
    """What output shows it (a regular expression; its groups fill the advice), and what to do about it."""

    sign: str
    advice: str


_CAUSES = [
    Cause(
        r"No space left on device|Disk quota exceeded",
        "the disk is full. Make room (about 1.5 GB), then run the same command again.",
    ),
    Cause(
        r"name resolution|Name or service not known|nodename nor servname|Failed to establish a new connection"
        r"|Connection refused|Network is unreachable|Max retries exceeded|ReadTimeout|ConnectTimeoutError"
        r"|Could not fetch URL|ProxyError|CERTIFICATE_VERIFY_FAILED",
        "the package index cannot be reached. Check the network; behind a proxy set HTTPS_PROXY; for a mirror of "
        "your own set it in pip's settings (pip config set global.index-url ...), which are honoured here.",
    ),
    Cause(
        r"No matching distribution found for (?P<what>\S+)",
        "the package index has no ready-made file of {what} for this Python and machine. Setup compiles nothing, "
        "so use a Python that it is made for (3.11 to 3.14, Linux or macOS on x86-64 or arm64), "
        "for example: make PYTHON=python3.11 setup",
    ),
    Cause(
        r"ResolutionImpossible|conflicting dependencies",
        "pyproject.toml asks for versions that constraints.txt rules out. Renew it with: make lock",
    ),
    Cause(
        r"Permission denied: '(?P<what>[^']+)'",
        "{what} cannot be written. Give yourself the right to write there, or use a checkout of your own.",
    ),
]


class SetupError(Exception):
    """Setup cannot go on; the message says what happened and what to do."""


def advice(output: str, *, log: Path) -> str:
    """What a failed program's output means: the last lines of it, then a sentence of advice."""
    tail = "\n".join(f"    {line}" for line in output.splitlines()[-SHOWN_LINES:])
    for cause in _CAUSES:
        found = re.search(cause.sign, output)
        if found:
            return f"{cause.advice.format(**found.groupdict())}\n\n{tail}\n\nThe whole output is in {log}"
    return f"a program failed with this:\n\n{tail}\n\nThe whole output is in {log}"
