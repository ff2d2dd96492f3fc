"""The real service under the stopwatch: ``STALLS_REPORT=file python -m tests.stalls.serve``.

The arguments and settings are those of ``symbia-runtime serve``; nothing in the service knows of this. Each step
of STALLS_BOUND_MS (10) or more, and each such pass of the loop, becomes one JSON object in a line of the file,
with its task, times and stack.
"""

import functools
import os
import sys

import msgspec
import pytest
import trio

from service.cli.main import main
from tests.stalls.stopwatch import LongPass, LongStep, Stopwatch

BOUND_MS = 10.0


def serve() -> None:
    """Serve, and report."""
    encoder = msgspec.json.Encoder()
    report = os.open(os.environ.pop("STALLS_REPORT"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    bound_ms = float(os.environ.pop("STALLS_BOUND_MS", BOUND_MS))

    def tell(found: LongStep | LongPass) -> None:
        os.write(report, encoder.encode(found) + b"\n")

    stopwatch = Stopwatch(
        tell, bound_ms=bound_ms, first_sample_seconds=bound_ms / 2000, everything=True, tell_pass=tell
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "run", functools.partial(trio.run, instruments=[stopwatch]))
        main()


if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    serve()
