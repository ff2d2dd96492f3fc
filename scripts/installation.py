"""The steps that make a checkout ready, and the stamp that lets the next call skip them.

Standard library only: nothing is installed when this runs. Steps are safe to repeat, so a setup that was
interrupted is finished by running it again. The stamp is written last and holds a digest of everything that the
result depends on.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from diagnosis import SetupError, advice
from step import Step

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
COMMAND = VENV / "bin" / "symbia-runtime"
LOG = VENV / "setup.log"
STAMP = VENV / "setup.stamp"
GUEST_SOURCES = ROOT / "wasm_host" / "quickjs"
GUEST = GUEST_SOURCES / "guest.wasm"
LIBRARY_SOURCES = (
    ROOT / "wasm_host" / "wasmtime_c" / "exchange.c",
    ROOT / "wasm_host" / "wasmtime_c" / "ticker.c",
    ROOT / "proto" / "json_weight.c",
)

FREE_BYTES = 1500 * 1024**2
"""Free space asked for: the environment takes 650 MB (two thirds of it the compiler of the guest), and pip and
the compiler keep as much again in their caches while they work."""


def main() -> int:
    """Bring the checkout up to date. Returns the exit status; messages go to standard error."""
    try:
        with _one_at_a_time():
            if not is_current():
                install()
    except SetupError as error:
        sys.stderr.write(f"\nSetup stopped: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nSetup was interrupted; the same command goes on from here.\n")
        return 130
    return 0


def is_current() -> bool:
    """Whether the last setup finished with exactly the inputs that are here now, and its results still stand."""
    try:
        stamp = STAMP.read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == fingerprint(ROOT) and all(path.exists() for path in (PYTHON, COMMAND, GUEST))


def fingerprint(root: Path) -> str:
    """A digest of all that a setup depends on: requirements, versions, guest sources, this Python, this place.

    The place counts because neither an environment nor an editable install survives being moved.
    """
    digest = hashlib.sha256(f"{platform.python_version()}\n{platform.machine()}\n{root}\n".encode())
    for path in _inputs(root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()


def _inputs(root: Path) -> Iterator[Path]:
    yield from (root / "pyproject.toml", root / "constraints.txt", root / "hatch_build.py")
    yield from sorted((root / "scripts").glob("*.py"))
    yield root / "wasm_host" / "limits.py"  # a header of the guest is made from it
    yield from (root / source.relative_to(ROOT) for source in LIBRARY_SOURCES)
    built = {".wasm", ".pyc"}
    sources = (root / "wasm_host" / "quickjs").rglob("*")
    yield from sorted(path for path in sources if path.is_file() and path.suffix not in built)


def requirements(root: Path) -> list[str]:
    """What the project and its development need, as pyproject.toml says it: requirement specifiers."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]


def install() -> None:
    """Run every step, each with its time.

    Raises:
        SetupError: something is missing; the message says what to do about it.
    """
    steps: list[tuple[str, Callable[[Step], None]]] = [
        ("Python environment in .venv", _make_environment),
        ("packages of constraints.txt, wheels only", _install_packages),
        ("QuickJS guest, compiled to WebAssembly", _build_guest),
        ("calls of guests, compiled for this machine", _build_libraries),
        ("symbia-runtime command", _install_command),
    ]
    _check_space()
    started = time.monotonic()
    for number, (title, run) in enumerate(steps, 1):
        with Step(f"[{number}/{len(steps)}] {title}") as step:
            run(step)
    STAMP.write_text(fingerprint(ROOT), encoding="utf-8")
    sys.stderr.write(f"Ready after {time.monotonic() - started:.1f} s.\n")


def _check_space() -> None:
    free = shutil.disk_usage(ROOT).free
    if not VENV.exists() and free < FREE_BYTES:
        raise SetupError(
            f"{ROOT} has {free // 1024**2} MB of free space, and setup needs {FREE_BYTES // 1024**2} MB. "
            "Make room, then run the same command again."
        )


def _make_environment(step: Step) -> None:
    if _environment_version() == platform.python_version() and PYTHON.exists():
        step.note(f"kept, Python {platform.python_version()}")
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 -- some systems ship Python without it
        import venv  # noqa: F401, PLC0415 -- likewise
    except ImportError as error:
        release = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"this Python ({sys.executable}) has no {error.name} module, so it cannot make a virtual environment. "
            f"On Debian and Ubuntu it is in the package python{release}-venv; or name another Python: "
            "make PYTHON=/path/to/python3.11 setup"
        ) from error
    _run(step, [sys.executable, "-m", "venv", "--clear", str(VENV)])
    step.note(f"Python {platform.python_version()}")


def _environment_version() -> str:
    """The Python version that `.venv` was made with; empty when there is no environment."""
    try:
        lines = (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version")), "")


def _install_packages(step: Step) -> None:
    pip = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", "--no-input"]
    # --only-binary: nothing is compiled, no foreign setup code runs, and every machine gets the same files.
    wheels_only = ["--only-binary", ":all:", "--constraint", str(ROOT / "constraints.txt")]
    _run(step, [*pip, *wheels_only, *requirements(ROOT)])
    step.note(f"{sum(1 for _ in VENV.glob('lib/python3*/site-packages/*.dist-info'))} packages")


def _build_guest(step: Step) -> None:
    _run(step, [str(PYTHON), "-m", "wasm_host.quickjs.build"])
    if not GUEST.exists():
        raise SetupError(f"the build of the guest ended well, but {GUEST} is not there. Please report this.")
    step.note(f"{GUEST.stat().st_size // 1024} KB")


def _build_libraries(step: Step) -> None:
    """Build extras in C that make calls of guests and the check of large values faster; it works without."""
    _run(step, [str(PYTHON), "-m", "wasm_host.wasmtime_c.build"])
    is_built = all(any(source.parent.glob(f"{source.stem}-*.so")) for source in LIBRARY_SOURCES)
    step.note("ready" if is_built else "not built; it works without")


def _install_command(step: Step) -> None:
    pip = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", "--no-input"]
    # The build backend is in the environment already, so no second one is fetched for the build.
    _run(step, [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])


def _run(step: Step, command: list[str]) -> None:
    """Run a program in the checkout; show its last line, keep all of them in the log."""
    # Both would move packages out of the environment that they are asked for.
    environment = {name: value for name, value in os.environ.items() if name not in {"PIP_USER", "PIP_TARGET"}}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 -- our own programs, and no shell
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            step.show(lines[-1])
    if VENV.exists():
        with LOG.open("a", encoding="utf-8") as log:
            log.writelines(f"{line}\n" for line in [f"$ {' '.join(command)}", *lines])
    if process.returncode:
        raise SetupError(advice("\n".join(lines), log=LOG))


class _one_at_a_time:  # noqa: N801 -- used as a verb
    """Holds the checkout's setup lock: two verbs started at once must not install into one environment."""

    def __enter__(self) -> None:
        self._folder = os.open(ROOT, os.O_RDONLY)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Another setup of this checkout is under way; waiting for it to end.\n")
            fcntl.flock(self._folder, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)
