"""Texts of components and graphs to begin with. Pure."""

_DEFINITION = """\
id: {id}
name: {name}
version: 1.0.0
description: Adds up what comes.
ports:
  inputs:
    - {{name: in, schema: {{type: number}}, description: A number.}}
  outputs:
    - {{name: out, schema: {{type: number}}, description: The sum of all numbers so far.}}
config:
  start: {{type: number, default: 0, description: What the sum begins with.}}
"""

_JAVASCRIPT = """\
// The definition is in {stem}.yaml; symbia-runtime test {stem}.cases.yaml shows what it does.
export default {{
  process(ctx, port, value) {{
    if (typeof value !== 'number') throw new TypeError(`expected a number, got ${{typeof value}}`);
    const sum = (ctx.getState('sum') ?? ctx.config.start) + value;
    ctx.setState('sum', sum);
    ctx.emit('out', sum);
  }},
}};
"""

_TYPESCRIPT = """\
// The definition is in {stem}.yaml; symbia-runtime types writes the types of ctx, symbia-runtime test
// {stem}.cases.yaml shows what it does.
type Ctx = symbia.Context<{{ start: number }}, 'out', {{ sum: number }}>;

const handler: symbia.Handler<Ctx, number> = {{
  process(ctx, port, value) {{
    if (typeof value !== 'number') throw new TypeError(`expected a number, got ${{typeof value}}`);
    const sum = (ctx.getState('sum') ?? ctx.config.start) + value;
    ctx.setState('sum', sum);
    ctx.emit('out', sum);
  }},
}};
"""

_CASES = """\
# What {code} must do: symbia-runtime test {stem}.cases.yaml
component: {code}
cases:
  - name: adds up what comes
    send: [{{in: 1}}, {{in: 2}}]
    expect: {{out: [1, 3]}}
    state: {{sum: 3}}

  - name: begins where the node says
    config: {{start: 100}}
    send: [{{in: 1}}]
    expect: {{out: [101]}}

  - name: takes no text
    send: [{{in: one}}]
    error: expected a number
"""

_GRAPH = """\
symbia: "1.0"
name: {name}
version: 1.0.0
description: Doubles what comes, and lets large numbers through.

nodes:
  - id: input
    component: symbia.core.passthrough
  - id: double
    component: symbia.core.map
    config: {{expression: value * 2}}
  - id: large
    component: symbia.core.filter
    config: {{predicate: value > 10}}

edges:
  - source: {{node: input, port: out}}
    target: {{node: double, port: in}}
  - source: {{node: double, port: out}}
    target: {{node: large, port: in}}
"""

_GRAPH_CASES = """\
# What {stem}.yaml must do: symbia-runtime test {stem}.cases.yaml
graph: {stem}.yaml
cases:
  - name: lets large numbers through
    send: [{{input: 3}}, {{input: 21}}]
    expect: {{"large:out": [42], "large:rejected": [6]}}

  - name: doubles null to 0, as JavaScript does
    send: [{{input: null}}]
    expect: {{"large:rejected": [0]}}
"""


def beginning_of_component(name: str, *, is_typed: bool) -> dict[str, str]:
    """Return the files of a component: their texts by their names."""
    code = f"{name}.{'ts' if is_typed else 'js'}"
    words = {"id": name if "." in name else f"custom.{name}", "name": f'"{name}"', "stem": name, "code": code}
    return {
        code: (_TYPESCRIPT if is_typed else _JAVASCRIPT).format(**words),
        f"{name}.yaml": _DEFINITION.format(**words),
        f"{name}.cases.yaml": _CASES.format(**words),
    }


def beginning_of_graph(name: str) -> dict[str, str]:
    """Return the files of a graph: their texts by their names."""
    words = {"name": f'"{name}"', "stem": name}
    return {f"{name}.yaml": _GRAPH.format(**words), f"{name}.cases.yaml": _GRAPH_CASES.format(**words)}
