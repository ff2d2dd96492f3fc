"""jmespath.test, against the paths of ``symbia.data.json-transform``.

`python -m tests.conformance.jmespath FOLDER`: a checkout of https://github.com/jmespath/jmespath.test.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trio

from engine.builtin.parts.jmespath_meter import Path as Expression
from engine.builtin.parts.jmespath_meter import PathSyntaxError
from engine.builtin.parts.jmespath_search import WORKER_STEPS, search
from proto.codec import encode
from tests.conformance.suite import Outcome, SuiteError, command


async def run(folder: Path) -> AsyncIterator[Outcome]:
    """Run the cases of jmespath.test below FOLDER: what is found, what is an error, and what is no expression."""
    tests = folder / "tests" if (folder / "tests").is_dir() else folder
    files = sorted(tests.glob("*.json"))
    if not files:
        raise SuiteError("there is no tests/ with cases in it")
    for file in files:
        for number, group in enumerate(json.loads(file.read_bytes())):
            for at, case in enumerate(group["cases"]):
                name = f"{file.name} {number}.{at}: {case['expression']}"
                if "bench" in case:
                    yield Outcome(name, skipped="a benchmark")
                else:
                    yield Outcome(name, _difference(case, group["given"]))
            await trio.lowlevel.checkpoint()


def _difference(case: Any, given: Any) -> str:
    try:
        found = search(Expression(case["expression"]), encode(given), WORKER_STEPS)
    except PathSyntaxError as error:
        return "" if "error" in case else f"is no expression: {error}"[:200]
    if "error" in case:
        return "" if found.name else f"finds {found.value!r} instead of the error {case['error']}"[:200]
    if found.name:
        return f"{found.name}: {found.message}"[:200]
    value = None if found.value is None else json.loads(found.value)
    return "" if same(value, case["result"]) else f"finds {value!r}"[:200]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


main = command(run, Path(__file__).with_suffix(".toml"))

if __name__ == "__main__":
    main()
