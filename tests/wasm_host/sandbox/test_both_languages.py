"""Every form and every duty of a handler, in JavaScript and in TypeScript."""

import pytest

from engine.errors import InvalidComponentError
from engine.testing.workbench import open_workbench
from tests.checks import CASES, LANGUAGES, Language, check_case


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES)
async def test_a_program_behaves_the_same_in_both_languages(case: str, language: Language) -> None:
    """Registered, opened, fed and closed, it emits, logs, fails and remembers what its case says."""
    async with open_workbench() as workbench:
        await check_case(workbench, CASES[case], language)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_syntax_error_refuses_the_registration_at_its_place(language: Language) -> None:
    """The problem names the source, the line and the column, and nothing is registered."""
    document = {
        "id": "custom.bad",
        "name": "Bad",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": language, "source": "return {\n  process(ctx) { let x = ; }\n}"},
    }
    async with open_workbench() as workbench:
        with pytest.raises(InvalidComponentError) as caught:
            await workbench.register(document)
        (problem,) = caught.value.problems
        assert (problem.code, problem.path) == ("program.invalid", "execution.source")
        assert "(line 2, column 26)" in problem.message
        document["execution"] = {"type": language, "source": "return { process() {} }"}
        assert await workbench.register(document) == "custom.bad"


async def test_stack_traces_are_named_after_the_component_and_its_language() -> None:
    """Whoever reads a trace knows which file it speaks of."""
    async with open_workbench() as workbench:
        for language, suffix in (("javascript", "js"), ("typescript", "ts")):
            await workbench.register(
                {
                    "id": f"custom.{language}",
                    "name": "Thrower",
                    "version": "1.0.0",
                    "ports": {"inputs": ["in"], "outputs": ["out"]},
                    "execution": {"type": language, "source": "\n(ctx, port, value) => value.a.b"},
                }
            )
            async with workbench.open(f"custom.{language}") as unit:
                reply = await unit.send("in", {})
            assert reply.error is not None
            assert f"(custom.{language}.{suffix}:2:" in reply.error.stack
