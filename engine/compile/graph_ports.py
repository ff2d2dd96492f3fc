"""The ports that a graph declares for those who use it, as a document has them. Pure."""

from typing import Any

import msgspec

from engine.components.definition import MAX_PORTS
from engine.cooperative.slices import Steps
from engine.documents.problem_report import ProblemReport, shown
from engine.limits import EngineLimits
from engine.schemas.port_schemas import SCHEMAS_BYTES, PortSchema
from proto import codec
from proto.graph import GraphPort, GraphPorts


def read_ports(
    document: dict[str, Any], path: str, limits: EngineLimits, report: ProblemReport
) -> Steps[GraphPorts]:
    """Read the ports of a graph; empty ones where they have another shape, which is noted.

    Args:
        document: what the graph has as its ``ports``.
        path: its place.
        limits: bounds of names.
        report: takes the problems.
    """
    try:
        ports = msgspec.convert(document, GraphPorts)
    except msgspec.ValidationError as error:
        report.extend([codec.shape_problem(error, GraphPorts, code="port.wrong_type", path=path)])
        return GraphPorts()
    schemas_bytes = 0
    for side, listed in (("inputs", ports.inputs), ("outputs", ports.outputs)):
        if len(listed) > MAX_PORTS:
            message = f"A graph has at most {MAX_PORTS} {side[:-1]} ports"
            report.note("port.too_many", f"{path}.{side}", message)
            return GraphPorts()
        seen: set[str] = set()
        for index, port in enumerate(listed):
            place = f"{path}.{side}[{index}]"
            _check_port(port, place, seen, limits, report)
            seen.add(port.name)
            schemas_bytes += len(codec.encode(port.schema))
            if schemas_bytes > SCHEMAS_BYTES:
                message = f"The schemas of all ports together have more than {SCHEMAS_BYTES} bytes"
                report.note("port.schema_too_large", f"{place}.schema", message)
                return GraphPorts()
            if complaint := _complaint(port.schema):
                message = f"The schema of port {shown(port.name)} is not JSON Schema: {complaint}"
                report.note("port.invalid_schema", f"{place}.schema", message)
            yield
    return ports


def _check_port(port: GraphPort, place: str, seen: set[str], limits: EngineLimits, report: ProblemReport) -> None:
    if not 0 < len(port.name) <= limits.name_characters:
        message = f"The name of a port has 1 to {limits.name_characters} characters"
        report.note("port.wrong_name", f"{place}.name", message)
    elif port.name in seen:
        report.note("port.duplicate", f"{place}.name", f"Duplicate port: {shown(port.name)}")
    if not port.ends:
        report.note("port.unbound", f"{place}.bind", f"Port {shown(port.name)} is bound to no port of a node")
    if len(set(port.ends)) < len(port.ends):
        message = f"Port {shown(port.name)} is bound twice to the same port of a node"
        report.note("port.duplicate_end", f"{place}.bind", message)


def _complaint(given: dict[str, Any]) -> str:
    """Return what is wrong with a schema. Nobody is held to it, so it may be too complex to be asked."""
    rules = {key: value for key, value in given.items() if (key, value) != ("type", "any")}
    try:
        schema = PortSchema(rules) if rules else None
        if schema is not None and not schema.cost.is_opaque:
            _ = schema.validator
    except ValueError as error:
        return (str(error).splitlines() or [""])[0][:500]
    return ""
