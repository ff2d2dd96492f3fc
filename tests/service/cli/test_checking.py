"""Documents of all kinds, looked at together, each finding with its line and column."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from proto.codec import encode
from proto.problem import Problem
from service.cli.check_sources import read_sources
from service.cli.checking import Report, check_sources
from service.cli.files import DocumentFileError, read_document_file
from service.cli.told import line_of, refusal_lines
from tests.service.serving import QUICK_REFERENCE, SQUARE, single

MISTAKES = """\
symbia: 1.0
name: Prices
nodes:
  - id: orders
    component: symbia.core.passthroug
  - id: price
    component: symbia.core.map
    onErorr: continue
    config:
      expression: |
        value.items
          .map(item => item.price * )
  - id: large
    component: symbia.core.filter
    config:
      predicate: value => value.total > 10
  - id: way
    component: symbia.core.split
    config: {conditon: value.total > 100}
  - id: log
    component: symbia.core.logger
    concurrency: 500
  - id: log
    component: symbia.core.logger
    onError: ignore
edges:
  - source: {node: price, port: out}
    target: {node: large, port: input}
  - source: {node: large, port: out}
    target: {node: wya, port: in}
  - source: {node: way, port: true}
    target: {node: price, port: in}
"""
FOUND = [
    (1, 9, "graph.wrong_type", 'write it in quotes: "1.0"'),
    (5, 16, "node.unknown_component", "did you mean symbia.core.passthrough?"),
    (8, 5, "node.unknown_field", "did you mean onError?"),
    (12, 37, "program.invalid", "SyntaxError"),
    (16, 18, "program.invalid", "the expression yields a function: call it"),
    (19, 5, "config.missing_key", "condition"),
    (19, 14, "config.unknown_key", "did you mean condition?"),
    (22, 18, "node.wrong_type", "<= 100"),
    (25, 14, "node.wrong_type", 'it is one of "continue", "fail", "retry"'),
    (28, 33, "edge.unknown_port", "it has in"),
    (30, 20, "edge.unknown_node", "wya"),
    (31, 31, "edge.wrong_type", 'write it in quotes: "true"'),
]


async def checked(*paths: Path) -> Report:
    return await check_sources(read_sources(paths))


def written(path: Path, document: Any) -> Path:
    path.write_bytes(document.encode() if isinstance(document, str) else encode(document))
    return path


async def test_each_mistake_is_told_with_its_line_its_column_and_its_remedy(tmp_path: Path) -> None:
    """Twelve in a graph of six nodes: one run of check tells all of them, in the order of the lines."""
    report = await checked(written(tmp_path / "g.yaml", MISTAKES))
    told = [(each.line, each.column, each.code) for each in report.told]
    assert told == [(line, column, code) for line, column, code, _ in FOUND]
    for each, (_, _, _, remedy) in zip(report.told, FOUND, strict=True):
        assert remedy in each.message
    assert line_of(report.told[1]).startswith(f"{tmp_path}/g.yaml:5:16: error: Graph references components")
    assert line_of(report.told[1]).endswith("(node.unknown_component)")


async def test_the_same_mistakes_in_json_have_their_places(tmp_path: Path) -> None:
    """A line of JSON as good as one of YAML."""
    text = (
        '{"symbia": 1.0,\n "name": "g", "nodes": [\n  {"id": "a", "component": "symbia.core.mpa"}\n], "edges": []}'
    )
    report = await checked(written(tmp_path / "g.json", text))
    assert [(each.line, each.column) for each in report.told] == [(1, 12), (3, 28)]


async def test_code_in_a_block_has_the_line_of_the_block(tmp_path: Path) -> None:
    """Of a component as of an expression: the editor jumps to the place itself."""
    text = """\
        id: custom.a
        name: A
        version: 1.0.0
        ports: {inputs: [in], outputs: [out]}
        execution:
          type: javascript
          source: |
            return {
              process(ctx, port, value) {
                const x = ;
              }
            }
        """
    (told,) = (await checked(written(tmp_path / "a.yaml", dedent(text)))).told
    assert (told.line, told.column, told.code) == (10, 19, "program.invalid")


async def test_a_folder_is_looked_at_whole(tmp_path: Path) -> None:
    """Its graphs know its components; files of other tools are passed over, and so is what is hidden."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / ".git").mkdir()
    written(tmp_path / "a_graph.json", single(SQUARE["id"]))
    written(tmp_path / "deep" / "square.json", SQUARE)
    written(tmp_path / "square.cases.yaml", "component: deep/square.json\ncases: [{name: x, send: [{in: 1}]}]")
    written(tmp_path / "package.json", {"name": "x", "version": "1"})
    written(tmp_path / "node_modules" / "bad.json", "{")
    written(tmp_path / ".git" / "bad.yaml", "{")
    sources = read_sources([tmp_path])
    assert sorted(source.kind for source in sources) == ["cases", "component", "graph"]
    assert (await check_sources(sources)).told == []


async def test_a_file_is_looked_at_once(tmp_path: Path) -> None:
    """Also where it is named twice and lies in a folder that is named."""
    path = written(tmp_path / "g.json", single("symbia.core.nothing"))
    assert len((await checked(path, tmp_path, path)).told) == 1


async def test_a_file_of_cases_is_known_by_its_name(tmp_path: Path) -> None:
    """So one whose word cases is misspelt is not passed over, and is not called a graph."""
    path = written(tmp_path / "a.cases.yaml", "graph: g.yaml\ncass: []\n")
    for given in (path, tmp_path):
        (told,) = (await checked(given)).told
        assert (told.line, told.column, told.code) == (2, 1, "cases.wrong_shape")
        assert told.message.endswith("; did you mean cases?")


async def test_a_component_that_nobody_knows_is_told_with_the_way_to_register_it(tmp_path: Path) -> None:
    """Unless its name is nearly that of another one."""
    (told,) = (await checked(written(tmp_path / "g.json", single("shop.tag")))).told
    assert told.message.endswith("-> shop.tag; register it first, by --library DIR or --component FILE")


def test_a_file_that_cannot_be_read_is_named_with_its_line_and_column(tmp_path: Path) -> None:
    """In the form that editors know, as everything else that is wrong."""
    with pytest.raises(DocumentFileError, match=r"a\.yaml:2:5: This is not YAML: mapping values are not allowed"):
        read_document_file(written(tmp_path / "a.yaml", "a: 1\nb: c: d\n"))


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    """Nobody checks nothing and means it."""
    with pytest.raises(DocumentFileError, match="there is no graph"):
        read_sources([tmp_path])


async def test_what_cannot_be_read_keeps_nothing_else_from_being_looked_at(tmp_path: Path) -> None:
    """It is told with its place, and the status says that it was there."""
    broken = written(tmp_path / "a.yaml", "nodes:\n- id: a\n  config: {x: value ? 1 : 2}")
    wrong = written(tmp_path / "b.json", single("symbia.core.nothing"))
    report = await checked(broken, wrong)
    assert [(each.file, each.line, each.code) for each in report.told] == [
        (str(broken), 3, "document.unreadable"),
        (str(wrong), 1, "node.unknown_component"),
    ]
    assert "put the text in quotes" in report.told[0].message
    assert report.status(is_strict=False) == 2


async def test_warnings_fail_where_that_is_asked_for(tmp_path: Path) -> None:
    """And only there; a key of JSON that comes twice is one."""
    text = encode(single("symbia.core.merge")).decode().replace('"name"', '"name": "a",\n "name"', 1)
    report = await checked(written(tmp_path / "g.json", text))
    assert [(each.severity, each.code, each.line) for each in report.told] == [
        ("warning", "document.repeated_key", 2)
    ]
    assert (report.status(is_strict=False), report.status(is_strict=True)) == (0, 1)


async def test_a_routine_is_judged_as_one(tmp_path: Path) -> None:
    """With its own codes, at its own places."""
    text = """\
        symbia: routine/1.0
        name: r
        version: "1"
        routines:
        - id: m
          name: m
          steps:
          - id: s
            type: sya
        """
    told = (await checked(written(tmp_path / "r.yaml", dedent(text)))).told
    assert ("UNKNOWN_STEP_TYPE", 9) in [(each.code, each.line) for each in told]
    assert ("MISSING_ASSISTANT_ID", 1) in [(each.code, each.line) for each in told]


CASES = """\
component: symbia.core.accumulator
cases:
  - name: gathers
    send: [{in: 1}, {inn: 2}]
    config: {cuont: 2}
    expect:
      out: [[1, 2]]
      uot: []
"""


async def test_cases_are_held_against_their_component(tmp_path: Path) -> None:
    """Its ports and its configuration, without running anything."""
    told = (await checked(written(tmp_path / "c.cases.yaml", CASES))).told
    assert [(each.line, each.column, each.code) for each in told] == [
        (4, 22, "cases.unknown_port"),
        (5, 14, "config.unknown_key"),
        (8, 7, "cases.unknown_port"),
    ]
    assert told[0].message == "The component has no input port inn; it has in"


GRAPH_CASES = """\
graph:
  symbia: "1.0"
  name: g
  nodes: [{id: a, component: symbia.core.map, config: {expression: value}}]
  edges: []
cases:
  - name: runs
    send: [{a: 1}, {advance: 5s}, {"a:in": 2}, {expect: {"a:out": [1, 2]}}]
    expect: {"a:out": [1, 2]}
  - name: names what is not there
    send: [{b: 1}, {"a:inn": 2}]
    expect: {"a:uot": [{$gt: 1}], a: []}
  - name: is wrong in itself
    expect: {"a:out": [{$gtt: 1}]}
"""


async def test_cases_are_held_against_their_graph(tmp_path: Path) -> None:
    """Its nodes and ports, and what is wrong with a case itself, without running anything."""
    told = (await checked(written(tmp_path / "c.cases.yaml", GRAPH_CASES))).told
    assert [(each.line, each.code) for each in told] == [
        (11, "cases.unknown_node"),
        (11, "cases.unknown_port"),
        (12, "cases.unknown_port"),
        (12, "cases.unknown_port"),
        (13, "cases.invalid_case"),
    ]
    assert "did you mean $gt?" in told[-1].message


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("component: custom.nothing\ncases: [{name: a}]", "cases.unknown_component", 1),
        ("component: broken.json\ncases: [{name: a}]", "cases.unreadable_component", 1),
        ("component: wrong.json\ncases: [{name: a}]", "cases.invalid_component", 1),
        ("component: symbia.core.merge\ncases: []", "cases.empty", 2),
        ("component: symbia.core.merge\ncases:\n- name: a\n  exepct: {}", "cases.wrong_shape", 4),
        ("component: {id: a, name: A}\ncases: [{name: a}]", "component.missing_field", 1),
    ],
)
async def test_a_file_of_cases_that_is_wrong_is_told(tmp_path: Path, text: str, code: str, line: int) -> None:
    """Whatever is wrong with it: its component, its shape."""
    written(tmp_path / "broken.json", "{")
    written(tmp_path / "wrong.json", {"id": "x"})
    told = (await checked(written(tmp_path / "a.yaml", text))).told
    assert (told[0].code, told[0].line) == (code, line)


async def test_two_files_of_cases_may_have_components_of_one_name(tmp_path: Path) -> None:
    """Each has its own, as when they are run."""
    other = {**SQUARE, "ports": {"inputs": ["other"], "outputs": ["out"]}}
    for name, component, port in (("a", SQUARE, "in"), ("b", other, "other")):
        cases = {"component": component, "cases": [{"name": "x", "send": [{port: 1}]}]}
        written(tmp_path / f"{name}.json", cases)
    assert (await checked(tmp_path)).told == []


def test_the_quick_reference_is_a_graph(tmp_path: Path) -> None:
    """As whatever else that has nodes."""
    (source,) = read_sources([written(tmp_path / "g.yaml", QUICK_REFERENCE)])
    assert source.kind == "graph"


WITHIN = """\
symbia: "1.0"
name: Orders
parameters: {rate: {type: number, default: 2}}
nodes:
  - id: entry
    component: symbia.core.passthroug
  - id: pricing
    config: {rat: 3}
    graph:
      parameters: {rate: {type: number, default: 1}}
      ports:
        inputs: [{name: in, bind: {node: convert, port: in}}]
        outputs: [{name: out, bind: {node: round, port: out}}]
      nodes:
        - id: convert
          component: symbia.core.map
          config:
            expression: |
              value
                * param.rate +
        - id: round
          component: symbia.core.filter
          onErorr: fail
          config: {predicate: value => value > 10}
        - {id: lost, component: symbia.core.mpa}
      edges:
        - source: {node: convert, port: out}
          target: {node: round, port: true}
  - id: shared
    component: graph:Nothing@^1
  - {id: log, component: symbia.core.logger}
  - {id: log, component: symbia.core.logger}
edges:
  - source: {node: entry, port: out}
    target: {node: pricing, port: inp}
"""


async def test_mistakes_in_a_graph_within_a_graph_have_their_lines_too(tmp_path: Path) -> None:
    """Ten in six nodes, of which one is a graph of its own: at whatever depth, where their author wrote them."""
    report = await checked(written(tmp_path / "g.yaml", WITHIN))
    assert [(each.line, each.column, each.code) for each in report.told] == [
        (6, 16, "node.unknown_component"),
        (8, 14, "config.unknown_key"),
        (20, 31, "program.invalid"),
        (23, 11, "node.unknown_field"),
        (24, 31, "program.invalid"),
        (25, 33, "node.unknown_component"),
        (28, 39, "edge.wrong_type"),
        (30, 16, "node.unknown_graph"),
        (32, 10, "node.duplicate_id"),
        (35, 35, "edge.unknown_port"),
    ]


def test_a_file_that_is_refused_is_told_line_by_line(tmp_path: Path) -> None:
    """By run as by check; what is no file of its own, such as a pipe, has no places."""
    problem = Problem("graph.empty", "nodes", "Graph has no nodes")
    path = written(tmp_path / "g.yaml", "name: g\nnodes: []")
    assert refusal_lines(str(path), [problem]) == [f"{path}:2:1: error: Graph has no nodes (graph.empty)"]
    assert refusal_lines("/dev/null", [problem])[0].endswith("Graph has no nodes (graph.empty)")
