"""A Dockerfile as data: its stages, and their instructions in order."""

import re
from pathlib import Path

import msgspec


class Instruction(msgspec.Struct, frozen=True):
    """One instruction: its word in capitals, and the rest of it in one line."""

    word: str
    rest: str


class Stage(msgspec.Struct, frozen=True):
    """One stage, from its ``FROM`` on."""

    base: str
    name: str
    instructions: list[Instruction]

    def all_of(self, word: str) -> list[str]:
        """What the instructions of one kind say, in order."""
        return [each.rest for each in self.instructions if each.word == word]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a container has."""
        return dict(rest.split("=", 1) for rest in self.all_of("ENV"))


def stages_of(path: Path) -> list[Stage]:
    """Read a file."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name, []))
        elif stages:
            stages[-1].instructions.append(Instruction(word, rest.strip()))
    return stages
