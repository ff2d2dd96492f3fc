"""Build the three libraries in C for this machine. Run as ``python -m wasm_host.wasmtime_c.build``.

They are extras: without that of exchange.py a call of a guest takes a third longer, without that of ticker.py the
slowest of a hundred messages take half as long again, without that of proto/native_weight.py large values are
looked through more slowly, and nothing else changes. The compiler and what is asked of it are the same, so all
are made here, though the last source belongs to a package that knows nobody.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from wasm_host.wasmtime_c import exchange, ticker

SOURCES = (exchange.SOURCE, ticker.SOURCE, Path(__file__).parents[2] / "proto" / "json_weight.c")

_FLAGS = ("-O2", "-mcpu=baseline", "-shared", "-fPIC", "-s", "-Wall", "-Wextra", "-Werror")
"""Baseline code: an environment may be copied to another machine, or stand in an image."""

_SECONDS_AT_MOST = 300


def library(source: Path) -> Path:
    """Return where the library of a source lies, or would lie."""
    return source.with_name(f"{source.stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}.so")


def build(source: Path = exchange.SOURCE) -> str:
    """Build a library, unless it is there; return what was wrong, and nothing where it is there."""
    target = library(source)
    if target.exists():
        return ""
    for old in target.parent.glob(f"{source.stem}-*.so"):  # of another source: nothing would load it
        old.unlink()
    partial = target.with_suffix(".partial")
    command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, "-o", str(partial), str(source)]
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
    """Build them, and say what came of it; status 0 in any case."""
    for source in SOURCES:
        problem = build(source)
        if problem:
            sys.stderr.write(f"{problem}\n{source.stem} goes the slower way: its library was not built.\n")
        else:
            sys.stderr.write(f"{library(source).name} is ready\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
