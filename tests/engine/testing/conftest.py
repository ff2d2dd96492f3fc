"""What tests of the workbench share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def documented_testing() -> str:
    """Return the page for authors of cases."""
    return (Path(__file__).parents[3] / "docs/testing-components.md").read_text(encoding="utf-8")
