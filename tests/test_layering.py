"""The house's walls: imports run one way, and the packages are this repository's own."""

import importlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINTER = Path(sys.executable).parent / "lint-imports"
PACKAGES = ("symbia_runtime", "service", "engine", "wasm_host", "workers", "store", "proto")

OFFENCES = {
    "packages": ("engine/quota.py", "import service.version"),
    "no-circles": ("engine/compile/draft.py", "import engine.compile.compiler"),
    "floors-of-the-engine": ("engine/memory/ledger.py", "import engine.builtin.declare"),
    "floors-of-the-service": ("service/auth/caller.py", "import service.live.limits"),
    "floors-of-the-sandbox": ("wasm_host/guest/usage.py", "import wasm_host.sandbox.state"),
    "vocabulary-of-the-sandbox": ("wasm_host/limits.py", "import proto.problem"),
    "worker-process": ("workers/child.py", "import msgspec"),
    "worker-tasks": ("workers/task.py", "import trio"),
    "sandbox": ("engine/quota.py", "import wasm_host.host"),
    "vocabulary": ("proto/problem.py", "import trio"),
    "no-http-below": ("engine/quota.py", "import click"),
}
"""By the id of a contract: a file, and a line in it that breaks the contract."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_import_contract_holds(project: dict[str, Any]) -> None:
    """import-linter keeps every contract of pyproject.toml and breaks none."""
    contracts = project["tool"]["importlinter"]["contracts"]
    run = subprocess.run([str(LINTER), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Contracts: {len(contracts)} kept, 0 broken" in run.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, in a folder where they may be broken."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.wasm"))
    return folder


def test_every_contract_has_its_offence(project: dict[str, Any]) -> None:
    """Whoever adds a contract says what it would not let pass."""
    assert [contract["id"] for contract in project["tool"]["importlinter"]["contracts"]] == list(OFFENCES)


@pytest.mark.parametrize("contract", OFFENCES)
def test_a_contract_that_is_broken_is_reported(contract: str, copied: Path) -> None:
    """A wall that is only painted would let an import pass that it is there to stop."""
    file, line = OFFENCES[contract]
    path = copied / file
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n\n{line}\n", encoding="utf-8")
    try:
        command = [
            str(Path(sys.executable).parent / "lint-imports"),
            "--contract",
            contract,
            "--cache-dir",
            "cache",
        ]
        run = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=False)
    finally:
        path.write_text(text, encoding="utf-8")
    assert "0 kept, 1 broken" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lies_in_this_repository(package: str) -> None:
    """A top-level package comes from here, not from another distribution that installs the same name."""
    paths = [Path(path).resolve() for path in importlib.import_module(package).__path__]
    assert paths == [ROOT / package]


def test_the_wheel_holds_the_packages_that_the_contracts_name(project: dict[str, Any]) -> None:
    """No package can be added to the wheel without standing under the import contracts."""
    packaged = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert sorted(packaged) == sorted(project["tool"]["importlinter"]["root_packages"])
