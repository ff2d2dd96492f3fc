"""Renews constraints.txt: the newest versions that pyproject.toml allows, the same for every supported Python.

Run by `make lock`. It asks the package index (pip's own settings say which) and installs nothing.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from installation import PYTHON, ROOT, requirements

PYTHON_VERSIONS = ("3.11", "3.12", "3.13", "3.14")

HEADER = """\
# The exact version of every package that setup installs, direct or not, for Python 3.11 to 3.14.
# An install today and one next year are the same. Written by `make lock`; not edited by hand.
"""


def main() -> int:
    """Resolve for each Python, and write the file when all agree."""
    resolved = {version: resolve(version) for version in PYTHON_VERSIONS}
    first, *others = resolved.values()
    if any(other != first for other in others):
        for version, lines in resolved.items():
            odd = sorted(lines - frozenset.intersection(*resolved.values()))
            sys.stderr.write(f"Python {version} alone, or not everywhere: {' '.join(odd) or 'nothing'}\n")
        sys.stderr.write("The versions differ between Pythons; narrow the ranges in pyproject.toml.\n")
        return 1
    (ROOT / "constraints.txt").write_text(
        HEADER + "".join(f"{line}\n" for line in sorted(first)), encoding="utf-8"
    )
    sys.stderr.write(f"constraints.txt: {len(first)} packages, the same for Python {', '.join(resolved)}\n")
    return 0


def resolve(version: str) -> frozenset[str]:
    """The lines `name==version` that pip would install for a Python version, names in normal form."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report", str(report), "--target", folder]
        wheels = ["--only-binary", ":all:", "--python-version", version]
        subprocess.run(  # noqa: S603 -- pip of our own environment, and no shell
            [str(PYTHON), "-m", "pip", "install", *options, *wheels, *requirements(ROOT)], check=True
        )
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    return frozenset(
        f"{normal_name(each['metadata']['name'])}=={each['metadata']['version']}" for each in installs
    )


def normal_name(name: str) -> str:
    """A distribution's name in its normal form (PyPA specification "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
