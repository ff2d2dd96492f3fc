"""The wheel: what somebody who installs symbia-runtime gets."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import symbia_runtime
from service.observability.spans import INSTALLING
from service.version import version
from tests.processes import ended
from tests.service.serving import clean_environment
from tests.wasm_host.component_model.components import component

ROOT = Path(__file__).resolve().parent.parent

OTHER_PROTO = "WHOSE = 'the other distribution'\n"
"""The package `proto` of another distribution: it stands for proto-plus, so that nothing is fetched."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without isolation, so that nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_serves_every_machine(wheel: zipfile.ZipFile) -> None:
    """One wheel is for all processors and systems: what is compiled in it is WebAssembly."""
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")


def test_the_wheel_holds_the_guest(wheel: zipfile.ZipFile) -> None:
    """The compiled guest is packaged, byte for byte as it was built here, although it is never committed."""
    guest = wheel.read("symbia_runtime/wasm_host/quickjs/guest.wasm")
    assert guest == (ROOT / "wasm_host" / "quickjs" / "guest.wasm").read_bytes()
    assert guest.startswith(b"\0asm")


def test_the_wheel_brings_one_name(wheel: zipfile.ZipFile) -> None:
    """Nothing but one package and its metadata lands in an environment, and in it are the six packages."""
    parts = [Path(name).parts for name in wheel.namelist()]
    assert {part[0] for part in parts if not part[0].endswith(".dist-info")} == {"symbia_runtime"}
    assert {part[1] for part in parts if len(part) > 2 and part[0] == "symbia_runtime"} == set(
        symbia_runtime.PACKAGES
    )


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    """Every Python file of the packages is in it."""
    names = {
        f"symbia_runtime/{file.relative_to(ROOT)}" for name in symbia_runtime.PACKAGES for file in modules(name)
    }
    own = {file.relative_to(ROOT).as_posix() for file in modules("symbia_runtime")}
    assert names | own <= set(wheel.namelist())


def test_the_wheel_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    """Type checkers look for the mark of PEP 561 in the package that is installed, and in those that it holds."""
    typed = {"symbia_runtime/py.typed", *(f"symbia_runtime/{name}/py.typed" for name in symbia_runtime.PACKAGES)}
    assert typed <= set(wheel.namelist())


def test_the_extra_is_asked_for_in_a_way_that_exists(wheel: zipfile.ZipFile) -> None:
    """Pip finds the extra that the pages and the refusal name in the wheel that they name, and on no index."""
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    extras = re.findall(r"^Provides-Extra: (\w+)$", wheel.read(metadata).decode(), re.MULTILINE)
    assert extras == ["otel"]
    assert wheel.filename is not None
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"pip install './{Path(wheel.filename).name}[otel]'" in page
    assert Path(wheel.filename).name.replace(version(), "<version>") in INSTALLING
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--force-reinstall"]
    run = subprocess.run([*command, f"{wheel.filename}[otel]"], capture_output=True, text=True, check=False)
    assert (run.returncode, "does not provide the extra" in run.stderr) == (0, False), run.stderr


def test_no_page_installs_from_an_index() -> None:
    """What is on no index is not asked for by its bare name, in no page and in no message."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "service").rglob("*.py")]
    asking = re.compile(r"pip install[^\n`]*?['\" ]symbia[-_]runtime(?:[\['\" ]|$)", re.MULTILINE)
    assert [path.name for path in texts if asking.search(path.read_text(encoding="utf-8"))] == []


def modules(package: str) -> Iterator[Path]:
    """Yield the Python files of a package of this checkout."""
    return (ROOT / package).rglob("*.py")


class Installation:
    """A virtual environment with the wheel and another distribution that brings a package `proto`.

    Args:
        folder: of the environment, which is made.
        wheels: installed one after the other.
    """

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        packages = next(folder.glob("lib/python3*/site-packages"))
        # What the wheel depends on is not installed again; path files that lie there are not read (no checkout).
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        for wheel in wheels:
            options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check"]
            command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
            subprocess.run([*command, *options, str(wheel)], check=True, capture_output=True)

    def popen(self, program: str, *arguments: str) -> "subprocess.Popen[str]":
        """Start a program of the environment, away from the checkout, with no setting but a free port."""
        environment = clean_environment({"PORT": "0", "XDG_CACHE_HOME": str(self.folder / "cache")})
        environment.pop("PYTHONPATH", None)
        return subprocess.Popen(
            [str(self.folder / "bin" / program), *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def output(self, program: str, *arguments: str) -> str:
        """Run a program of the environment to its end, and return what it printed."""
        with ended(self.popen(program, *arguments)) as process:
            output, errors = process.communicate(timeout=40)
        assert process.returncode == 0, errors
        return output

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve, and yield the address; at the end the service must end by SIGTERM as it should."""
        with self.popen("symbia-runtime", "serve") as process:
            assert process.stdout is not None
            try:
                yield next(
                    line.split()[-1] for line in process.stdout if line.startswith("symbia-runtime serves ")
                )
                process.send_signal(signal.SIGTERM)
                _, log = process.communicate(timeout=20)
            finally:
                process.kill()
        assert process.returncode == 0, log
        assert "Traceback" not in log


@pytest.fixture(scope="module", params=["the other last", "the other first"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: zipfile.ZipFile
) -> Installation:
    """The wheel beside the other distribution, installed in both orders."""
    folder = tmp_path_factory.mktemp("installation")
    assert wheel.filename is not None
    wheels = [Path(wheel.filename), other_distribution(folder)]
    if request.param == "the other first":
        wheels.reverse()
    return Installation(folder / "environment", wheels)


def other_distribution(folder: Path) -> Path:
    """Write a wheel that brings a top-level package `proto`, as proto-plus does."""
    file = folder / "other_proto-1.0-py3-none-any.whl"
    metadata = "other_proto-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("proto/__init__.py", OTHER_PROTO)
        archive.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: other-proto\nVersion: 1.0\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{metadata}/RECORD", "".join(f"{name},,\n" for name in archive.namelist()))
    return file


def test_the_others_package_is_still_the_others(installation: Installation) -> None:
    """Who imports `proto` there, without asking for ours, gets what they have installed."""
    assert installation.output("python", "-c", "import proto; print(proto.WHOSE)") == "the other distribution\n"


def test_an_installed_command_runs_a_graph(installation: Installation) -> None:
    """`symbia-runtime run` and `python -m symbia_runtime` find the packages and the sandbox."""
    graph = str(ROOT / "examples" / "quick_reference.json")
    arguments = ["run", graph, "--inject", "input:in=21"]
    expected = {"node": "output", "port": "out", "value": 42}
    assert json.loads(installation.output("symbia-runtime", *arguments)) == expected
    assert json.loads(installation.output("python", "-m", "symbia_runtime", *arguments)) == expected


def test_an_installed_service_answers_and_ends(installation: Installation) -> None:
    """`symbia-runtime serve` compiles an untrusted module in a worker process, answers, and ends in good order."""
    document: dict[str, Any] = {
        "id": "custom.wasm",
        "name": "Custom",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "wasm", "module": base64.b64encode(component()).decode()},
    }
    with installation.served() as url:
        registered = httpx.post(f"{url}/api/components", json=document, timeout=20)
        assert registered.status_code == 201, registered.text
        assert httpx.get(f"{url}/api/health").status_code == 200


def test_a_program_asks_for_the_packages(installation: Installation) -> None:
    """`use_packages` lets a program import the engine; nothing of the checkout is found by chance."""
    program = (
        "import symbia_runtime as s; s.use_packages(); s.use_packages(); import engine, proto, sys; "
        "print(sys.path.count(str(s.packages_folder())), engine.__file__, proto.__file__)"
    )
    count, *files = installation.output("python", "-c", program).split()
    assert count == "1"
    assert all(file.startswith(str(installation.folder)) and "/symbia_runtime/" in file for file in files)


def test_a_program_that_has_the_others_package_is_told(installation: Installation) -> None:
    """Two packages of one name cannot be in one process: the second is refused, by a message that says so."""
    program = (
        "import proto, symbia_runtime\n"
        "try:\n    symbia_runtime.use_packages()\n"
        "except ImportError as error:\n    print(error)\n"
    )
    told = installation.output("python", "-c", program)
    assert "another distribution's package 'proto'" in told
    assert "use two processes" in told


def test_in_a_checkout_the_packages_lie_beside() -> None:
    """The same way in serves a checkout, where its packages come before what is installed."""
    assert symbia_runtime.packages_folder() == ROOT
    program = "import symbia_runtime as s; s.use_packages(); import sys; print(sys.path[0])"
    command = [sys.executable, "-P", "-c", program]
    found = subprocess.run(command, cwd=os.sep, capture_output=True, text=True, check=True).stdout
    assert found == f"{ROOT}\n"


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    """Installing it puts `symbia-runtime` on the path."""
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "symbia-runtime = symbia_runtime:main" in wheel.read(entry_points).decode()
