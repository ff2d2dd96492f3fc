"""The values of one execution: filled in, and held against what the graph was loaded with."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.compile.template import NOTHING_FILLED, FilledGraph, fill
from engine.components import config as configuration
from engine.contracts.component import is_lenient, ports_of
from engine.contracts.surroundings import Surroundings
from engine.cooperative.slices import Breaks, in_slices
from engine.documents.encodable import check_sayable
from engine.documents.hints import Hints
from engine.documents.problem_report import MAX_PROBLEMS, ProblemReport, numbered, shown
from engine.errors import InvalidParametersError
from engine.limits import EngineLimits
from proto import codec


async def fill_graph(
    graph: LoadedGraph, given: Mapping[str, msgspec.Raw], surroundings: Surroundings, limits: EngineLimits
) -> FilledGraph:
    """Fill a graph in for an execution, and check it again where that may make a difference.

    Args:
        graph: to be executed.
        given: values for its parameters, JSON text.
        surroundings: the variables and secrets that it may name.
        limits: bounds of configurations.

    Raises:
        InvalidParametersError: a value is missing, does not fit, or makes a configuration that cannot be used.
    """
    template = graph.template
    report = ProblemReport()
    values = await _decoded(given, limits, report) if given else {}
    if template is None:
        for name in islice(given, MAX_PROBLEMS):
            message = f"The graph has no parameter {shown(name)}; it declares none"
            report.note("config.unknown_key", f"parameters.{shown(name)}", message)
        _require_none(report)
        return NOTHING_FILLED
    nodes = [(node.definition, node.component) for node in graph.nodes]
    filled = await in_slices(fill(template, nodes, values, surroundings, limits, report))
    _require_none(report)
    breaks = Breaks()
    for index, config in filled.configs.items():
        await _check_node(graph.nodes[index], config, f"{template.paths[index]}.config", report)
        await breaks.offer()
    _require_none(report)
    return filled


async def _decoded(
    given: Mapping[str, msgspec.Raw], limits: EngineLimits, report: ProblemReport
) -> Mapping[str, Any]:
    """Return the values that an execution gives.

    Raises:
        InvalidParametersError: they are too large, or hold what no name may.
    """
    if sum(len(name) + len(bytes(text)) for name, text in given.items()) > limits.config_bytes:
        message = f"The parameters have at most {limits.config_bytes} bytes of JSON text"
        report.note("parameter.too_large", "parameters", message)
        _require_none(report)
    values = {}
    breaks = Breaks()
    for name, text in given.items():
        try:
            values[name] = codec.decode(bytes(text))
        except codec.MalformedJsonError as error:
            report.note("parameter.malformed", f"parameters.{shown(name)}", str(error))
        await breaks.offer()
    report.extend(numbered(await in_slices(check_sayable(values, "parameter.unsayable")), "parameters"))
    _require_none(report)
    return values


def _require_none(report: ProblemReport) -> None:
    if report:
        raise InvalidParametersError(report.problems())


async def _check_node(node: CompiledNode, config: Mapping[str, Any], path: str, report: ProblemReport) -> None:
    """Note what is wrong with a configuration that was filled in."""
    component = node.component
    fields = component.definition.config
    has_problems = False
    if not is_lenient(component, config):
        for problem in islice(configuration.find_problems(config, fields, Hints()), MAX_PROBLEMS):
            report.note(problem.code, f"{path}.{problem.path}", problem.message)
            has_problems = True
    if has_problems:
        return
    ports = ports_of(component, config)
    if ports.inputs != node.input_of or ports.outputs != node.output_of:
        message = f"Node {shown(node.id)} would have other ports than those that the graph was loaded with"
        report.note("placeholder.other_ports", path, message)
        return
    for problem in await component.check(configuration.complete(config, fields)):
        message = f"Node {shown(node.id)}: {problem.message}"
        report.note(problem.code, f"{path}.{problem.path}".rstrip("."), message)
