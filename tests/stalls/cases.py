"""Cases: what one hostile client says to the service, kept as JSON files that people can read."""

from pathlib import Path
from typing import Any

import msgspec

from tests.stalls.recipes import Recipe

FOLDER = Path(__file__).parents[1] / "attacks" / "cases"
"""The worst cases that were found, each mended since; `tests/attacks/test_cases.py` plays all of them."""


class Http(msgspec.Struct, frozen=True, tag="http", tag_field="say", omit_defaults=True):
    """One request.

    Attributes:
        method: the method.
        path: the target; `{name}` stands for what an earlier request saved.
        body: the recipe of the body; there, `{{name}}` stands for what was saved.
        type: the content type.
        save: keep the id in the answer under this name.
        wait: whether to read the answer; without it the next thing is said at once, on another connection.
        times: how often it is said.
    """

    method: str
    path: str
    body: Recipe = ""
    type: str = "application/json"
    save: str = ""
    wait: bool = True
    times: int = 1


class Raw(msgspec.Struct, frozen=True, tag="raw", tag_field="say", omit_defaults=True):
    """Bytes on a connection of their own, and whatever comes back until it closes or is silent."""

    sent: Recipe
    times: int = 1


class WebSocket(msgspec.Struct, frozen=True, tag="websocket", tag_field="say", omit_defaults=True):
    """Messages of text on a WebSocket; `raw` is sent after them as it is, in pieces of any form."""

    path: str = "/ws"
    messages: tuple[Recipe, ...] = ()
    raw: Recipe = ""


Said = Http | Raw | WebSocket


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """One conversation.

    Attributes:
        kind: what it is about; cases are changed into others of their kind.
        says: what is said, one after another.
        note: for people: what it exercises, or where it was found.
    """

    kind: str
    says: tuple[Said, ...]
    note: str = ""


def load_cases(folder: Path = FOLDER) -> dict[str, Case]:
    """All kept cases, by the name of their file."""
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Case) for path in sorted(folder.glob("*.json"))}


def save_case(case: Case, path: Path) -> None:
    """Write a case for people to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(case), indent=1) + b"\n")


def recipes_of(case: Case) -> list[tuple[int, int, Recipe]]:
    """All recipes of a case, each with its place: which saying, and which of its texts."""
    found: list[tuple[int, int, Recipe]] = []
    for position, said in enumerate(case.says):
        texts = _texts(said)
        found += [(position, number, text) for number, text in enumerate(texts)]
    return found


def with_recipe(case: Case, position: int, number: int, recipe: Recipe) -> Case:
    """A case with one of its recipes replaced."""
    said = case.says[position]
    new: Said
    if isinstance(said, Http):
        new = msgspec.structs.replace(said, body=recipe)
    elif isinstance(said, Raw):
        new = msgspec.structs.replace(said, sent=recipe)
    elif number < len(said.messages):
        messages: list[Any] = list(said.messages)
        messages[number] = recipe
        new = msgspec.structs.replace(said, messages=tuple(messages))
    else:
        new = msgspec.structs.replace(said, raw=recipe)
    return msgspec.structs.replace(case, says=(*case.says[:position], new, *case.says[position + 1 :]))


def _texts(said: Said) -> list[Recipe]:
    if isinstance(said, Http):
        return [said.body]
    if isinstance(said, Raw):
        return [said.sent]
    return [*said.messages, said.raw]
