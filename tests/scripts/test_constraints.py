"""constraints.txt: exact, complete, and what is installed."""

import importlib.metadata
from pathlib import Path

import installation
import pytest
from lock import normal_name
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def versions() -> dict[str, str]:
    """The version of each package in constraints.txt, by its normal name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {name: version for name, version in pairs}  # noqa: C416 -- a line without "==" must fail here


def test_every_requirement_has_an_exact_version_in_its_range(versions: dict[str, str]) -> None:
    """Each requirement of pyproject.toml is pinned to a version that it allows."""
    for requirement in map(Requirement, installation.requirements(ROOT)):
        assert requirement.specifier.contains(versions[normal_name(requirement.name)]), requirement


def test_every_package_behind_a_requirement_has_an_exact_version(versions: dict[str, str]) -> None:
    """No package that a pinned one needs here is left to the day of the install."""
    for name in versions:
        for needed in map(Requirement, importlib.metadata.requires(name) or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert normal_name(needed.name) in versions, f"{name} needs {needed}"


def test_what_is_installed_is_what_is_pinned(versions: dict[str, str]) -> None:
    """The tests run against the versions that every other machine gets."""
    assert {name: importlib.metadata.version(name) for name in versions} == versions
