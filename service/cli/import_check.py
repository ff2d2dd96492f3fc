"""Loads what was imported, to see whether its components are programs and its graphs can run."""

from engine.errors import ComponentExistsError, InvalidComponentError
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from service.cli.files import problem_line
from service.interchange.imported import Imported


async def find_problems(imported: Imported) -> tuple[dict[str, str], list[str]]:
    """Load what was imported, and run nothing of it.

    Returns:
        The components that are no programs, and why; and what keeps graphs from being loaded, a line each.
    """
    unusable: dict[str, str] = {}
    lines: list[str] = []
    async with open_runtime(limits=EngineLimits()) as runtime:
        for name, definition in imported.components.items():
            try:
                await runtime.library.register_component(definition)
            except InvalidComponentError as error:
                unusable[name] = error.problems[0].message
            except ComponentExistsError as error:
                unusable[name] = str(error)
        for graph in imported.graphs:
            problems = await runtime.library.check_graph(graph.document)
            lines += [f"{graph.slug}: {problem_line(problem)}" for problem in problems]
    return unusable, lines
