"""``symbia-runtime test`` as a component's author runs it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "test", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)


def documented(language: str) -> str:
    text = (ROOT / "docs/testing-components.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(block)


def test_the_documented_cases_pass(tmp_path: Path) -> None:
    """The example of docs/testing-components.md passes as it stands there."""
    file = tmp_path / "counter.yaml"
    file.write_text(documented("yaml"), encoding="utf-8")
    done = run(file, "examples/square.cases.yaml")
    assert (done.returncode, done.stderr) == (0, "4 passed, 0 failed\n"), done.stdout


def test_a_failing_case_says_what_was_expected(tmp_path: Path) -> None:
    """A case that is not met is named with what was expected and what came; the exit status is 1."""
    file = tmp_path / "counter.yaml"
    file.write_text(documented("yaml").replace("[1, 2]", "[1, 3]"), encoding="utf-8")
    done = run(file)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "port out: expected [1,3], got [1,2]" in done.stdout


def test_a_misspelt_key_and_a_bad_config_are_told(tmp_path: Path) -> None:
    """A file of another shape is refused with its place (2); a wrong configuration is a failure (1)."""
    file = tmp_path / "wrong.yaml"
    file.write_text("component: symbia.core.filter\ncases: [{name: a, sned: []}]\n", encoding="utf-8")
    done = run(file)
    assert done.returncode == 2
    assert "sned" in done.stderr
    file.write_text("component: symbia.core.filter\ncases: [{name: a, send: [{in: 1}]}]\n", encoding="utf-8")
    done = run(file)
    assert done.returncode == 1
    assert "predicate" in done.stdout


async def test_the_documented_code_runs() -> None:
    """The Python example of docs/testing-components.md runs as it stands there."""
    lines = documented("python").splitlines()
    body = "\n".join(f"    {line}" for line in lines)
    scope: dict[str, object] = {}
    exec(f"async def example():\n{body}\n", scope)
    example = scope["example"]
    assert callable(example)
    await example()
