"""docs/routines.md says what the program does, and its example does what it says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.routine.steps import STEP_KINDS
from proto.routine import RoutineDefinition
from tests.service.serving import Service, open_service

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "routines.md").read_text(encoding="utf-8")
EXAMPLE = json.loads((ROOT / "examples" / "greeter.json").read_text(encoding="utf-8"))

PLATFORM_README = {
    "symbia": "routine/1.0",
    "name": "My assistant",
    "version": "1.0.0",
    "assistantId": "assistant:my-assistant",
    "alias": "myassistant",
    "routines": [
        {
            "id": "main",
            "name": "Main Handler",
            "trigger": "message.new",
            "isMain": True,
            "steps": [
                {"id": "respond", "type": "think", "description": "Answer the message", "llm": {"model": "gpt-4o"}}
            ],
        }
    ],
}
"""What the platform's README shows, in the form that its types ask for."""


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_cells(heading: str) -> list[str]:
    """The code spans in the first cells of a section's table."""
    cells = re.findall(r"^\| (`.*?) \|", section(heading), re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


async def outputs(service: Service, document: Any, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a definition's first routine says to a value, by port; and the whole reply."""
    loaded = (await service.client.post("/api/routines", json=document)).json()
    graph = loaded["graphs"][0]
    started = (await service.client.post(f"/api/graphs/{graph['id']}/execute")).json()
    message = {"nodeId": f"{graph['routineId']}-entry", "port": "input", "value": value}
    path = f"/api/executions/{started['executionId']}/inject?wait=5000"
    reply = (await service.client.post(path, json=message)).json()
    return {place: output["value"] for place, output in reply["outputs"].items()}, reply


async def test_the_example_says_what_the_page_says() -> None:
    """Its words, and what comes out at the end; a guest of 17 leaves by the side."""
    sent = re.search(r"-d '(.*)'\n```", section("An example"))
    assert sent is not None
    (told,) = re.findall(r"```json\n(.*?)```", section("An example"), re.DOTALL)
    async with open_service() as service:
        _, reply = await outputs(service, EXAMPLE, json.loads(sent[1])["value"])
        assert reply["outputs"] == json.loads(told)["outputs"]
        young, _ = await outputs(service, EXAMPLE, {"guest": {"name": "Bob", "age": 17}})
    assert set(young) == {"greet-hello:said", "greet-adult:false"}


async def test_the_platforms_example_loads_and_says_what_is_missing() -> None:
    """It compiles to the chain that the platform promises, and its first message names the model."""
    async with open_service() as service:
        said, reply = await outputs(service, PLATFORM_README, {"text": "Hi"})
    assert (list(said), reply["state"]) == (["main-respond:error"], "failed")
    assert (
        "LanguageModelMissing: A think step needs a language model (it asks for gpt-4o)"
        in reply["error"]["message"]
    )


def test_the_tables_name_what_there_is() -> None:
    """Every step type, every field of a definition, and every code has its row, and no row is left over."""
    assert first_cells("Steps") == list(STEP_KINDS)
    fields = {name for name in first_cells("A definition") if name != "steps"}
    assert fields == set(RoutineDefinition.__struct_encode_fields__)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "engine" / "routine").glob("*.py"))
    codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', sources))
    told = [*first_cells("Errors"), *first_cells("Warnings")]
    assert set(told) == codes
    assert len(told) == len(codes)


@pytest.mark.parametrize("page", [PAGE, *((ROOT / "docs/decisions").glob("007[56]-*.md"))])
def test_one_sentence_on_a_line(page: str | Path) -> None:
    """Prose has one sentence on a line, and every link leads somewhere."""
    text = page if isinstance(page, str) else page.read_text(encoding="utf-8")
    folder = ROOT / "docs" if isinstance(page, str) else page.parent
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert [line for line in prose.splitlines() if line[:1] != "|" and re.search(r"[.!?] [A-Z`]", line)] == []
    assert [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (folder / link).exists()] == []
