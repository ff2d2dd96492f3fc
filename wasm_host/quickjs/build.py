"""Build guest.wasm from pinned sources with a pinned compiler.

The sources are QuickJS-ng's, as its Python distribution ships them, and the C files in this folder; the
compiler is the PyPI package ziglang. Both are pinned, file names inside the build are relative, and so two
builds anywhere give the same bytes: the result's hash is pinned too, and checked.
Run as ``python -m wasm_host.quickjs.build``.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from wasm_host.compile.own_modules import default_cache_folder, private_folder
from wasm_host.errors import HostError
from wasm_host.limits import QUICKJS_LIMITS
from wasm_host.quickjs.hooks import HOOKS, hooked

SOURCE_REQUIREMENT = "quickjs-ng==0.17.0.2"
SOURCE_SHA256 = "43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef"
COMPILER_VERSION = "0.17.1"

EXPECTED_SHA256 = "6513d8af471afc64ebd15d4d5db1f5da275313e6026637d00d75c606be069ed7"
"""The hash of guest.wasm. It changes with every change to the C files here; the build prints the new value."""

_ENGINE = "engine.c"
"""Holds QuickJS, and so stands behind our files: what they define of the C library must be met first."""
UPSTREAM_FILES = ("libregexp.c", "libunicode.c", "dtoa.c")
_FLAGS = (
    "-target", "wasm32-wasi",
    "-mexec-model=reactor",
    "-O3",
    "-msimd128",
    "-s",
    "-DNDEBUG",
    "-D_WASI_EMULATED_SIGNAL",
    "-Iupstream",
    "-Wl,-z,stack-size=1048576",
)  # fmt: skip
_HERE = Path(__file__).parent
_LEAST_POWER, _MOST_POWER = -342, 324
"""Powers of ten: from where 19 digits become a double that is not zero, to what brings the digits of the least of
these before the point."""

Report = Callable[[str], None]


def build(target: Path, report: Report) -> None:
    """Write the guest to ``target``, from the cache when nothing has changed since the last build.

    Args:
        target: the place that guest.wasm goes to
        report: told each step, for people

    Raises:
        HostError: a source or the compiler is missing, or something is not what was pinned.
    """
    cache = private_folder(default_cache_folder())
    cached = cache / f"quickjs-{_key()}.wasm"
    if not (cached.exists() and _sha256(cached.read_bytes()) == EXPECTED_SHA256):
        _check_compiler()
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            built = _compile(Path(folder), cache, report)
            _check_result(built)
            built.replace(cached)
    _install(cached, target)
    report(f"{target.name} is ready ({target.stat().st_size:,} bytes)")


def _key() -> str:
    """Return what identifies every input of a build."""
    parts = [SOURCE_SHA256, COMPILER_VERSION, *_FLAGS]
    parts += [f"{path.name} {_sha256(path.read_bytes())}" for path in _our_sources()]
    parts += [*made_headers().values(), *(hook.replacement for hook in HOOKS)]
    return _sha256("\n".join(parts).encode())


def _our_sources() -> list[Path]:
    return sorted(path for path in _HERE.iterdir() if path.suffix in {".c", ".h"})


def made_headers() -> dict[str, str]:
    """Return the C headers that are made and not written, by their names."""
    return {"guest_limits.h": limits_header(), "json_powers.h": powers_header()}


def powers_header() -> str:
    """Return the C header with the powers of ten that json_digits.h needs: 128 bits of each, rounded up."""
    rows = []
    for power in range(_LEAST_POWER, _MOST_POWER + 1):
        above, below = 10 ** max(power, 0), 10 ** max(-power, 0)
        shift = above.bit_length() - below.bit_length() - 128  # or one more, where that is a bit too many
        while True:
            scaled = -((-above << max(-shift, 0)) // (below << max(shift, 0)))
            if scaled.bit_length() <= 128:
                break
            shift += 1
        rows.append(f"    {{{scaled >> 64:#018x}u, {scaled & (1 << 64) - 1:#018x}u}},\n")
    return (
        "/* Made by build.py: the high and the low half of each power of ten, without its exponent of two. */\n"
        f"enum {{ JSON_LEAST_POWER = {_LEAST_POWER} }};\n"
        f"static const uint64_t json_powers_of_ten[][2] = {{\n{''.join(rows)}}};\n"
    )


def limits_header() -> str:
    """Return the C header that names the limits that the guest keeps: one line for each, as an X macro."""
    rows = "".join(f' \\\n    LIMIT({name}, "{key}")' for name, key in QUICKJS_LIMITS.items())
    return (
        "/* Made by build.py from wasm_host/limits.py: each limit's member, and its key in the open document. */\n"
        f"#define QUICKJS_LIMITS(LIMIT){rows}\n"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_compiler() -> None:
    try:
        version = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        version = "none"
    if version != COMPILER_VERSION:
        raise HostError(
            f"the guest is compiled with ziglang {COMPILER_VERSION}, found {version}; "
            f"run: {sys.executable} -m pip install ziglang=={COMPILER_VERSION}"
        )


def _compile(folder: Path, cache: Path, report: Report) -> Path:
    report(f"fetching the sources: {SOURCE_REQUIREMENT}")
    unpack(fetch(folder), folder / "upstream")
    hook(folder / "upstream")
    names = [path.name for path in _our_sources()]
    for name in names:
        shutil.copyfile(_HERE / name, folder / name)
    for name, text in made_headers().items():
        (folder / name).write_text(text)
    sources = [name for name in names if name.endswith(".c") and name != _ENGINE]
    sources += [_ENGINE, *(f"upstream/{name}" for name in UPSTREAM_FILES)]
    report("compiling QuickJS to WebAssembly (about 30 seconds, once)")
    command = [
        *(sys.executable, "-m", "ziglang", "cc"),
        *_FLAGS,
        f"-ffile-prefix-map={folder}=.",
        "-w",
        *sources,
        "-lwasi-emulated-signal",
        *("-o", "guest.wasm"),
    ]
    caches = {"ZIG_LOCAL_CACHE_DIR": str(cache / "zig"), "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig")}
    _run(command, folder, report, caches)
    return folder / "guest.wasm"


def fetch(folder: Path) -> Path:
    """Fetch the source distribution, by way of pip: the user's own index and proxy settings hold.

    pip checks the hash before it looks inside.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{SOURCE_REQUIREMENT} --hash=sha256:{SOURCE_SHA256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-binary", "quickjs-ng", "--require-hashes"),
        *("--requirement", str(requirements), "--dest", str(folder / "download")),
    ]
    _run(command, folder, lambda _: None, {})
    (archive,) = (folder / "download").glob("*.tar.gz")
    if _sha256(archive.read_bytes()) != SOURCE_SHA256:
        raise HostError(f"{archive.name} is not the pinned source distribution")
    return archive


def unpack(archive: Path, into: Path) -> None:
    """Unpack QuickJS's own C files, and nothing else of the distribution."""
    into.mkdir()
    with tarfile.open(archive) as files:
        for member in files:
            path = Path(member.name)
            if member.isfile() and path.parent.name == "upstream-quickjs" and path.suffix in {".c", ".h"}:
                content = files.extractfile(member)
                if content is not None:
                    (into / path.name).write_bytes(content.read())


def hook(upstream: Path) -> None:
    """Put our hooks into the unpacked source.

    Raises:
        HostError: a place is not where it was.
    """
    engine = upstream / "quickjs.c"
    engine.write_text(hooked(engine.read_text(encoding="utf-8")), encoding="utf-8")


def _run(command: list[str], folder: Path, report: Report, environment: dict[str, str]) -> None:
    began = time.monotonic()
    with (folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        while True:
            try:
                status = process.wait(timeout=5)
                break
            except subprocess.TimeoutExpired:
                report(f"... {time.monotonic() - began:.0f} s")
        if status:
            log.seek(0)
            raise HostError(f"{' '.join(command[:5])} failed:\n{log.read()[-4000:]}")


def _check_result(built: Path) -> None:
    found = _sha256(built.read_bytes())
    if found != EXPECTED_SHA256:
        raise HostError(
            f"the built guest's sha256 is {found},\nbut {_HERE / 'build.py'} expects {EXPECTED_SHA256}.\n"
            "If you changed the C files, the flags or a pinned version: put the new value into EXPECTED_SHA256.\n"
            "If you changed nothing: the compiler or the sources are not what was pinned; do not use the result."
        )


def _install(cached: Path, target: Path) -> None:
    content = cached.read_bytes()
    if target.exists() and target.read_bytes() == content:
        return
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(target)


def main() -> int:
    """Build the guest into this package, and say what it is doing."""
    began = time.monotonic()

    def report(step: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:5.1f} s] {step}\n")

    try:
        build(_HERE / "guest.wasm", report)
    except HostError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
