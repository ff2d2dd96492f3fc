"""TypeScript that was made to take long: it is read in turn with everybody's guests, within one budget."""

import pytest

from tests.attacks.steps import measured_steps
from wasm_host.errors import ProgramError
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program

LONG_STEP_SECONDS = 0.04
"""Of the processor's time; it was a second."""

WRONG = {
    "a million tokens, and then a mistake": ";" * 1_000_000 + "const = 1",
    "a million brackets": "(" * 1_000_000,
    "a template of a megabyte that does not end": "const a: string = `" + "$\\" * 500_000,
}


async def _ready(host: SandboxHost) -> None:
    """The transformer is loaded with the first program; that is not what is measured."""
    await host.translate(Program("handler", "return {process(): void {}}"), GuestLimits())


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
async def test_a_mistake_is_looked_for_in_many_steps(source: str) -> None:
    """A megabyte that is wrong at its end is refused, and nobody has waited for that."""
    async with open_host() as host:
        await _ready(host)
        with measured_steps() as steps, pytest.raises(ProgramError):
            await host.translate(Program("handler", source), GuestLimits())
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


async def test_a_program_is_laid_out_in_many_steps() -> None:
    """A hundred kilobytes of right TypeScript get back their author's lines, step by step."""
    source = "f = [1, 2, 3].map((x: number): number => x * 2).length\n" * 1_600
    source = f"{{\n{source}}}\nconst handler: any = {{ process(ctx: any): void {{}} }}"
    async with open_host() as host:
        await _ready(host)
        with measured_steps() as steps:
            program = await host.translate(Program("handler", source), GuestLimits())
    assert program.filename == "component.js", "it was not laid out"
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where
