"""Cases of test262: what their frontmatter says, and the texts that are run for them. Pure.

The rules are those of test262's INTERPRETING.md: a case runs in sloppy and in strict mode unless its flags say
otherwise, after `assert.js`, `sta.js` and what it includes; a raw one runs as it is; a negative one must throw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml

__all__ = ["Case", "CaseError", "Scenario", "cases_in", "read_case", "scenarios"]

_FRONTMATTER: Final = re.compile(r"/\*---(.*?)---\*/", re.DOTALL)
_BEFORE_EVERY_CASE: Final = ("assert.js", "sta.js")
_FOR_ASYNC: Final = "doneprintHandle.js"

_BEYOND: Final = {
    r"\$262\s*\.\s*createRealm": "needs a second realm",
    r"\$262\s*\.\s*agent": "needs agents",
    r"\$262\s*\.\s*detachArrayBuffer|detachArrayBuffer\.js|\$DETACHBUFFER": "needs to detach buffers",
    r"\$262\s*\.\s*(?:IsHTMLDDA|AbstractModuleSource)": "needs a host object of browsers or modules",
    r"\bSharedArrayBuffer\b": "shared memory has nobody to share with in a guest",
}
"""What a case may need that a component never has, by how it is asked for."""


class CaseError(Exception):
    """A file that is no case; the message names it and says why."""


class Negative(msgspec.Struct, frozen=True):
    """How a case must fail: in which phase, and with an error of which constructor."""

    phase: Literal["parse", "early", "resolution", "runtime"]
    type: str


class _Frontmatter(msgspec.Struct, frozen=True):
    flags: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    negative: Negative | None = None


class Case(msgspec.Struct, frozen=True):
    """One file of the corpus.

    Attributes:
        name: its path, relative to the folder that is run.
        text: all of it.
        flags: such as `onlyStrict`, `async`, `module`, `raw`.
        includes: files of the harness that it needs.
        features: of the language, for people.
        negative: how it must fail, or nothing.
    """

    name: str
    text: str
    flags: tuple[str, ...]
    includes: tuple[str, ...]
    features: tuple[str, ...]
    negative: Negative | None

    @property
    def why_not(self) -> str:
        """Why neither engine is asked, or nothing."""
        if "module" in self.flags:
            return "a module, which has no place of its own in a component"
        if "CanBlockIsFalse" in self.flags or "CanBlockIsTrue" in self.flags:
            return "needs agents"
        asked = self.text + " ".join(self.includes)
        return next((reason for pattern, reason in _BEYOND.items() if re.search(pattern, asked)), "")


class Scenario(msgspec.Struct, frozen=True):
    """One run of a case: the text to evaluate, and what must come of it.

    Attributes:
        name: the case's, with the mode where it has two.
        text: harness and case.
        negative: the constructor of the error that must be thrown, or nothing.
        is_async: whether it ends by printing that it is complete.
    """

    name: str
    text: str
    negative: str
    is_async: bool


def read_case(name: str, text: str) -> Case:
    """A case from its text.

    Raises:
        CaseError: it has no frontmatter, or one that says something else than test262's do.
    """
    found = _FRONTMATTER.search(text)
    if found is None:
        raise CaseError(f"{name} is no test262 case: it has no /*--- frontmatter ---*/")
    try:
        said: Any = yaml.safe_load(found[1].replace("\r\n", "\n").replace("\r", "\n")) or {}
        matter = msgspec.convert(said, _Frontmatter)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError) as problem:
        raise CaseError(f"the frontmatter of {name} cannot be read: {problem}") from None
    return Case(name, text, matter.flags, matter.includes, matter.features, matter.negative)


def cases_in(folder: Path) -> Iterator[Case]:
    """All cases below a folder, in order of their names. Fixtures, which only other cases read, are left out.

    Raises:
        CaseError: a file is no case.
    """
    for path in sorted(folder.rglob("*.js")):
        if not path.stem.endswith("_FIXTURE"):
            yield read_case(path.relative_to(folder).as_posix(), _text_of(path))


def scenarios(case: Case, harness: Path) -> list[Scenario]:
    """The runs of a case: in sloppy mode, in strict mode, or both.

    Raises:
        CaseError: the harness lacks a file that it includes.
    """
    negative = case.negative.type if case.negative else ""
    is_async = "async" in case.flags
    if "raw" in case.flags:
        return [Scenario(case.name, case.text, negative, is_async)]
    includes = [*_BEFORE_EVERY_CASE, *([_FOR_ASYNC] if is_async else []), *case.includes]
    before = "".join(_included(harness, name, case.name) + "\n" for name in includes)
    runs = []
    if "onlyStrict" not in case.flags:
        runs.append(Scenario(case.name, before + case.text, negative, is_async))
    if "noStrict" not in case.flags:
        runs.append(Scenario(f"{case.name} (strict)", '"use strict";\n' + before + case.text, negative, is_async))
    return runs


def _included(harness: Path, name: str, wanted_by: str) -> str:
    try:
        return _text_of(harness / name)
    except FileNotFoundError:
        raise CaseError(f"{wanted_by} includes {name}, which is not in the harness {harness}") from None


def _text_of(path: Path) -> str:
    """The file as it stands: line ends are part of some cases."""
    return path.read_bytes().decode("utf-8")
