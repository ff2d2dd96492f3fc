"""Builds the components of this folder: python -m examples.wasm.build [--install] [NAME ...]

Each is built by the ordinary tool of its language. C needs only ziglang, which the development setup has; the
others are left out, with a word about what is missing, until their tools are installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import util
from pathlib import Path

__all__ = ["EXAMPLES", "MissingToolError", "build"]

HERE = Path(__file__).parent
BUILT = HERE / "build"
_WIT = HERE.parent.parent / "wit"
_CONTRACT = _WIT / "symbia-component.wit"
_COMPONENTIZE_PY = "componentize-py==0.25.1"
_HEADERS = HERE.parent.parent / "wasm_host" / "quickjs"


class MissingToolError(Exception):
    """A language's tool is not installed; the message says how to install it."""


def build(name: str) -> Path:
    """The built component, made anew when its source or the contract has changed.

    Raises:
        MissingToolError: see there.
        subprocess.CalledProcessError: the tool refused the source; it has said why.
    """
    source, make = EXAMPLES[name]
    inputs = (HERE / source, _CONTRACT, Path(__file__))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:16]
    target = BUILT / f"{name}-{key}.wasm"
    if not target.exists():
        BUILT.mkdir(exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")  # the tests run in several processes
        make(HERE / source, partial)
        for outdated in BUILT.glob(f"{name}-*.wasm"):
            outdated.unlink(missing_ok=True)
        partial.replace(target)
    return target


def _run(*command: str | Path, folder: Path = HERE) -> None:
    subprocess.run([str(each) for each in command], cwd=folder, check=True)


def _zig(source: Path, target: Path) -> None:
    _need_module("ziglang", "ziglang")
    flags = ("-target", "wasm32-freestanding", "-O2", "-Wall", "-nostdlib", "-Wl,--no-entry")
    _run(sys.executable, "-m", "ziglang", "cc", *flags, f"-I{_HEADERS}", source, "-o", target)


def _zig_component(source: Path, target: Path) -> None:
    _need_npm("@bytecodealliance/jco-transpile")
    module = target.with_suffix(f".module{os.getpid()}")
    _zig(source, module)
    _run("node", source.with_name("componentize.mjs"), module, _CONTRACT, target)
    module.unlink()


def _assemblyscript(source: Path, target: Path) -> None:
    _need_npm("assemblyscript")
    flags = ("-O", "--runtime", "stub", "--use", "abort=")
    _run("node", HERE / "node_modules/assemblyscript/bin/asc.js", source, *flags, "-o", target)


def _javascript(source: Path, target: Path) -> None:
    _need_npm("componentize-qjs")
    command = ("node", HERE / "node_modules/componentize-qjs/bin/componentize-qjs")
    _run(*command, "--wit", _WIT, "--world", "guest", "--sync", "--js", source, "--output", target)


def _python(source: Path, target: Path) -> None:
    _need_module("componentize_py", _COMPONENTIZE_PY)
    command = ("-c", "from componentize_py import script; script()", "-d", _WIT, "-w", "guest")
    _run(sys.executable, *command, "componentize", source.stem, "-o", target, folder=source.parent)


def _need_module(module: str, requirement: str) -> None:
    if util.find_spec(module) is None:
        raise MissingToolError(
            f"{requirement} is not installed; run: {sys.executable} -m pip install {requirement}"
        )


def _need_npm(package: str) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingToolError("Node.js and npm are not installed")
    if not (HERE / "node_modules" / package).exists():
        raise MissingToolError(f"{package} is not installed; run: npm install --prefix {HERE}")


Maker = Callable[[Path, Path], None]

EXAMPLES: dict[str, tuple[str, Maker]] = {
    "total": ("c/total.c", _zig),
    "sample": ("c/sample.c", _zig_component),
    "distinct": ("assemblyscript/distinct.ts", _assemblyscript),
    "square": ("javascript/square.js", _javascript),
    "average": ("python/average.py", _python),
}
"""Source and maker of each component, by its name."""


def main(arguments: Sequence[str]) -> int:
    """Builds what is named, or everything; with --install, the tools first: npm's where there is an npm."""
    names = [each for each in arguments if each != "--install"] or list(EXAMPLES)
    if "--install" in arguments:
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", _COMPONENTIZE_PY)
    if "--install" in arguments and shutil.which("npm"):
        _run("npm", "install", "--no-audit", "--no-fund", "--prefix", HERE)
    for name in names:
        try:
            target = build(name)
        except MissingToolError as missing:
            print(f"{name}: left out, because {missing}")
        else:
            print(f"{name}: {target} ({target.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
