"""Build the library of exchange.py for this machine. Run as ``python -m wasm_host.wasmtime_c.build``.

It is an extra: without it a call of a guest takes a third longer, and nothing else changes.
"""

import subprocess
import sys

from wasm_host.wasmtime_c.exchange import SOURCE, library

_FLAGS = ("-O2", "-mcpu=baseline", "-shared", "-fPIC", "-s", "-Wall", "-Wextra", "-Werror")
"""Baseline code: an environment may be copied to another machine, or stand in an image."""

_SECONDS_AT_MOST = 300


def build() -> str:
    """Build it, unless it is there; return what was wrong, and nothing where it is there."""
    target = library()
    if target.exists():
        return ""
    for old in target.parent.glob("exchange-*.so"):  # of another source: nothing would load it
        old.unlink()
    partial = target.with_suffix(".partial")
    command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, "-o", str(partial), str(SOURCE)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter with our own arguments
            command, capture_output=True, text=True, timeout=_SECONDS_AT_MOST, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return (done.stderr or done.stdout).strip()[-2000:]
    partial.replace(target)
    return ""


def main() -> int:
    """Build it, and say what came of it; status 0 in any case."""
    problem = build()
    if problem:
        sys.stderr.write(f"{problem}\nThe calls of guests go the slower way: their library was not built.\n")
    else:
        sys.stderr.write(f"{library().name} is ready\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
