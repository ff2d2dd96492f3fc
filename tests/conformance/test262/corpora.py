"""A small corpus of our own, in the form of test262."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["HARNESS", "write_corpus"]

HARNESS: Final = {
    "assert.js": """
function assert(truth, message) { if (truth !== true) throw new Test262Error(message) }
assert.sameValue = function (actual, expected, message) {
  if (!Object.is(actual, expected)) throw new Test262Error(String(actual) + ' is not ' + String(expected));
};
""",
    "sta.js": """
function Test262Error(message) { this.message = message || '' }
Test262Error.prototype.toString = function () { return 'Test262Error: ' + this.message };
function $DONOTEVALUATE() { throw 'Test262: This statement should not be evaluated.' }
""",
    "doneprintHandle.js": """
function $DONE(error) {
  print(error ? 'Test262:AsyncTestFailure:' + error : 'Test262:AsyncTestComplete');
}
""",
    "more.js": "var included = 42;",
}


def write_corpus(folder: Path, **cases: str) -> Path:
    """Writes a harness and cases, each a frontmatter, a `|` and a text; answers the folder of the cases."""
    for name, text in HARNESS.items():
        _write(folder / "harness" / name, text)
    for name, case in cases.items():
        frontmatter, _, text = case.partition("|")
        _write(folder / "test" / f"{name}.js", f"// Ours.\n/*---\n{frontmatter}\n---*/\n{text}")
    return folder / "test"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
