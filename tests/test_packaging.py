"""The wheel: what somebody who installs symbia-runtime gets."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
    guest = wheel.read("wasm_host/quickjs/guest.wasm")
    assert guest == (ROOT / "wasm_host" / "quickjs" / "guest.wasm").read_bytes()
    assert guest.startswith(b"\0asm")


def test_the_wheel_holds_the_five_packages_and_no_more(wheel: zipfile.ZipFile) -> None:
    """Nothing but the application's packages and its metadata lands in an environment."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "service",
        "engine",
        "wasm_host",
        "workers",
        "proto",
    }


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    """Every Python file of the five packages is in it."""
    packages = ("service", "engine", "wasm_host", "workers", "proto")
    modules = {
        file.relative_to(ROOT).as_posix() for package in packages for file in (ROOT / package).rglob("*.py")
    }
    assert modules <= set(wheel.namelist())


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    """Installing it puts `symbia-runtime` on the path."""
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "symbia-runtime = service.cli.main:main" in wheel.read(entry_points).decode()
