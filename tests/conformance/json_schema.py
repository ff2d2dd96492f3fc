"""JSON-Schema-Test-Suite, against the schemas of ports.

`python -m tests.conformance.json_schema FOLDER`: a checkout of
https://github.com/json-schema-org/JSON-Schema-Test-Suite, or the folder of one draft in it.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trio

from engine.schemas.port_schemas import PortSchema
from tests.conformance.suite import Outcome, SuiteError, command

_DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
"""What a schema of each draft says that it is; those of other drafts are not understood."""

_ANNOTATION = "`format` is an annotation: it is not asserted"
_BOOLEAN = "the schema of a port is an object: one that takes everything is left out"


async def run(folder: Path) -> AsyncIterator[Outcome]:
    """Run the cases of JSON-Schema-Test-Suite below FOLDER: of all drafts, or of the one whose folder it is."""
    parent = next((place for place in (folder / "tests", folder, folder.parent) if _drafts_in(place)), None)
    if parent is None:
        raise SuiteError("there is no folder of a draft in it, such as tests/draft2020-12")
    for draft in [folder] if folder.name in _DRAFTS else _drafts_in(parent):
        for file in sorted(draft.rglob("*.json")):
            place = file.relative_to(parent)
            for group in json.loads(file.read_bytes()):
                for outcome in _outcomes(place, group):
                    yield outcome
                await trio.lowlevel.checkpoint()


def _drafts_in(place: Path) -> list[Path]:
    return [place / name for name in _DRAFTS if (place / name).is_dir()]


def _outcomes(place: Path, group: Any) -> list[Outcome]:
    where = f"{place.as_posix()}: {group['description']}"
    names = [f"{where}: {test['description']}" for test in group["tests"]]
    rules = group["schema"]
    if "format" in place.parts or place.name == "format-assertion.json":
        return [Outcome(name, skipped=_ANNOTATION) for name in names]
    if isinstance(rules, bool):
        return [Outcome(name, skipped=_BOOLEAN) for name in names]
    try:
        validator = PortSchema({"$schema": _DRAFTS[place.parts[0]], **rules}).validator
    except ValueError as error:
        return [
            Outcome(name, "the schema is refused: " + (str(error).splitlines() or [""])[0][:200]) for name in names
        ]
    return [
        Outcome(name, "" if validator.is_valid(test["data"]) is test["valid"] else f"valid is not {test['valid']}")
        for name, test in zip(names, group["tests"], strict=True)
    ]


main = command(run, Path(__file__).with_suffix(".toml"))

if __name__ == "__main__":
    main()
