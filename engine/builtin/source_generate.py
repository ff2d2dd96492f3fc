"""``symbia.source.generate`` makes test data: values of a template, at a rate, as many as are asked for.

What is random in them follows from the seed and from the number of the value, so a run can be repeated, also from
the middle: the position is the number.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import trio

from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Emission, InstanceContext
from engine.contracts.source import Produced, SourceHandler
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

MOST_AT_ONCE = 64
"""Values of one batch."""

RATE_LIMIT = 1_000_000.0
"""Values in a second, at most; what the graph does not keep up with is not made."""

COUNT_LIMIT = 2**53 - 1
"""Values in all, at most: numbers beyond it are not exact everywhere."""

DEFINITION = declare(
    "symbia.source.generate",
    "Generate",
    "Makes test data at a rate, the same data for the same seed; its executions end with the last value.",
    inputs=(),
    outputs=(port("out", "The values, in order."),),
    config={
        "count": ConfigField(
            type="number", description="Values to make; 0 for no end.", default=0, minimum=0, maximum=COUNT_LIMIT
        ),
        "perSecond": ConfigField(
            type="number",
            description="Values in a second; 0 for as many as the graph takes.",
            default=1,
            minimum=0,
            maximum=RATE_LIMIT,
        ),
        "seed": ConfigField(type="number", description="Where what is random comes from.", default=0),
        "value": ConfigField(
            type="any",
            description="The template; in it `{n}` (the number, from 1), `{random}` (from 0 up to 1) and "
            "`{integer}` (from 0 to 2^53 - 1) become these numbers.",
            default={"n": "{n}", "random": "{random}"},
        ),
    },
)


class Generate(SourceHandler):
    """The values from a position on.

    Args:
        template: of a value.
        count: of all; 0 for no end.
        per_second: 0 for no limit.
        seed: of what is random.
    """

    def __init__(self, template: Any, count: int, per_second: float, seed: int) -> None:
        super().__init__()
        self._template = template
        self._count = count
        self._per_second = per_second
        self._seed = seed
        self._due: float | None = None

    async def fetch(self) -> Produced:
        made = int(self.reached or 0)
        left = self._count - made if self._count else MOST_AT_ONCE
        if left <= 0:
            return Produced(is_end=True)
        number = min(left, await self._wait_due())
        emissions: Sequence[Emission] = [(0, self._made(made + place)) for place in range(1, number + 1)]
        return Produced(emissions, position=made + number, is_end=number == left and bool(self._count))

    async def _wait_due(self) -> int:
        """Return how many values are due, one at least; what was late is not made up for."""
        if not self._per_second:
            return MOST_AT_ONCE
        now = trio.current_time()
        if self._due is None or now - self._due > 1:
            self._due = now
        await trio.sleep_until(self._due)
        number = min(MOST_AT_ONCE, 1 + int((trio.current_time() - self._due) * self._per_second))
        self._due += number / self._per_second
        return number

    def _made(self, number: int) -> bytes:
        random = Random(f"{self._seed} {number}")  # noqa: S311 - test data
        return encode(_filled(self._template, number, random))


def _filled(template: Any, number: int, random: Random) -> Any:
    if isinstance(template, str):
        if template == "{n}":
            return number
        if template == "{random}":
            return random.random()
        return random.randint(0, COUNT_LIMIT) if template == "{integer}" else template
    if isinstance(template, Mapping):
        return {key: _filled(value, number, random) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, number, random) for value in template]
    return template


def whole(config: Mapping[str, Any], *keys: str) -> list[Problem]:
    """Return a problem for each key whose number is not whole."""
    return [
        Problem("config.wrong_type", key, f"{key} must be a whole number")
        for key in keys
        if isinstance(config[key], float) and not config[key].is_integer()
    ]


class GenerateBuiltin(Builtin):
    """The generator, whose numbers are whole."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        return whole(config, "count", "seed")


def _make(context: InstanceContext) -> Generate:
    config = context.config
    return Generate(config["value"], int(config["count"]), float(config["perSecond"]), int(config["seed"]))


GENERATE = GenerateBuiltin(DEFINITION, _make, produces=True)
