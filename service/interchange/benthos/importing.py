"""A configuration of Benthos or Redpanda Connect as a graph: its inputs, processors and outputs in a row. Pure."""

from typing import Any

from service.interchange.assembly import graph_document, without_cycles
from service.interchange.benthos.bloblang import expression_of, value_of
from service.interchange.benthos.config import Part, is_duration, is_pipeline, milliseconds, part_of, parts_of
from service.interchange.benthos.line import Line
from service.interchange.benthos.processors import convert, http
from service.interchange.imported import Imported, ImportedGraph, NotImportableError
from service.interchange.names import slug
from service.interchange.notes import Fate, Place, Report
from service.interchange.texts import mended

_SETTINGS = "The service's settings say this (docs/settings.md)"
_RESOURCE = "What uses it says so"
ELSEWHERE = {
    **dict.fromkeys(("http", "logger", "metrics", "tracer", "shutdown_timeout", "shutdown_delay"), _SETTINGS),
    **dict.fromkeys(("cache_resources", "input_resources", "output_resources"), _RESOURCE),
    "tests": "Cases have files of their own (docs/testing-components.md)",
}
"""Sections that are not the graph's, and what becomes of them."""

TAKEN = "a program of yours takes it from there"
"""The remedy for an output that has no counterpart."""

ENTRY = "symbia.core.passthrough"


def import_pipeline(document: Any, name: str) -> Imported:
    """Make a graph of a configuration.

    Raises:
        NotImportableError: it is none, or holds too much.
    """
    if not is_pipeline(document):
        raise NotImportableError("A configuration of Benthos is an object with input, pipeline and output")
    config = mended(document)
    report = Report()
    line = Line(config, report, convert)
    entries = _inputs(config, line)
    pipeline = config.get("pipeline")
    line.row(pipeline.get("processors") if isinstance(pipeline, dict) else None, "pipeline.processors")
    output = part_of(config.get("output"), "output")
    if output is not None:
        _output(output, line, 0)
    for key, message in ELSEWHERE.items():
        if key in config:
            report.note("leftOut", message, Place(id=key))
    if "buffer" in config:
        report.note(
            "approximated", "Each node has an inbox, which is bounded (docs/graphs.md)", Place(id="buffer")
        )
    if not line.nodes:
        raise NotImportableError("There is no part in it that could run")
    kept, _ = without_cycles(list(line.nodes), line.wires)
    metadata: dict[str, Any] = {"role": "pipeline"}
    if entries:
        metadata["ingress"] = {"node": entries[0], "port": "in"}
    graph = graph_document(name[:200], line.nodes.values(), kept, metadata=metadata)
    used = tuple(line.components)
    return Imported((ImportedGraph(slug(name, "pipeline"), graph, used),), line.components, report.notes())


def _inputs(config: dict[str, Any], line: Line) -> list[str]:
    """Add the inputs; return the nodes at which messages enter from outside."""
    part = part_of(config.get("input"), "input")
    if part is None:
        return []
    inner = list(parts_of(part.field("inputs"), f"{part.path}.inputs")) if part.kind == "broker" else [part]
    entries: list[str] = []
    ends: list[tuple[str, str]] = []
    for each in inner:
        line.ends = []
        if each.kind == "generate":
            _generate(each, line)
        else:
            entries.append(line.add(each, ENTRY))
            how = {"stdin": "its lines are JSON, by --stdin-to", "http_server": "by the graph's ingress"}
            fate: Fate = "approximated" if each.kind in how else "byHand"
            remedy = how.get(each.kind, "a program of yours reads, and injects what it has read")
            line.note(fate, f"Messages are injected into {entries[-1]}:in: {remedy}", each, entries[-1])
        line.row([_item(inside) for inside in each.processors], f"{each.path}.processors")
        ends += line.ends
    line.ends = ends
    if part.kind == "broker":
        line.row([_item(inside) for inside in part.processors], "input.processors")
    return entries


def _item(part: Part) -> dict[str, Any]:
    return {"label": part.label, part.kind: part.settings}


def _generate(part: Part, line: Line) -> None:
    """Add a timer, whose ticks the mapping makes messages of."""
    if part.field("interval") is not None and not is_duration(part.field("interval")):
        line.note("byHand", "It fires at certain times; start it from outside at these", part)
    interval = min(max(milliseconds(part.field("interval"), 1_000), 100), 86_400_000)
    line.add(part, "symbia.source.timer", intervalMs=interval)
    if part.field("count"):
        line.note("approximated", "It goes on until it is stopped, and not up to a count", part)
    text = part.text("mapping")
    value = value_of(text) if text else None
    mapping = Part("mapping", text, path=f"{part.path}.generate.mapping")
    if value is not None:
        line.add(mapping, "symbia.core.map", expression=value)
    elif text:
        line.by_hand(mapping, "write what it makes as an expression of symbia.core.map")


def _output(part: Part, line: Line, depth: int) -> None:
    """Add an output; where there are several, each is fed."""
    line.row([_item(inside) for inside in part.processors], f"{part.path}.processors")
    if depth < 10 and part.kind == "broker":
        for each in parts_of(part.field("outputs"), f"{part.path}.broker.outputs"):
            ends = list(line.ends)
            _output(each, line, depth + 1)
            line.ends = ends
        if part.field("pattern", "fan_out") not in ("fan_out", "fan_out_sequential"):
            line.note("approximated", "Each output gets each message", part)
    elif depth < 10 and part.kind == "switch":
        _cases(part, line, depth)
    elif part.kind in ("http_client", "http"):
        http(Part("http", part.settings, part.label, part.path), line)
    elif part.kind == "drop":
        line.add(part, "symbia.core.filter", predicate="false")
        line.note("approximated", "What it drops leaves by the port rejected, which nothing reads", part)
    else:
        name = line.add(part, ENTRY)
        is_shown = part.kind in ("stdout", "sync_response")
        remedy = "as a result of the graph" if is_shown else TAKEN
        fate: Fate = "carried" if is_shown else "byHand"
        line.note(fate, f"Messages leave the graph at {name}:out, {remedy}", part, name)


def _cases(part: Part, line: Line, depth: int) -> None:
    """Send each message to the output of the first case whose check holds."""
    cases = part.field("cases")
    for index, case in enumerate(cases if isinstance(cases, list) else []):
        inner = (
            part_of(case.get("output"), f"{part.path}.switch.cases[{index}].output")
            if isinstance(case, dict)
            else None
        )
        if inner is None:
            continue
        check = expression_of(str(case["check"])) if case.get("check") else "true"
        if check is None:
            line.note("byHand", f"The check of case {index} is to be written: it never holds", part)
            check = "false"
        name = line.add(part, "symbia.core.split", condition=check)
        line.ends = [(name, "true")]
        _output(inner, line, depth + 1)
        line.ends = [(name, "false")]
