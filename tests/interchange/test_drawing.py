"""Graphs as diagrams."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.interchange.drawing.dot import dot
from service.interchange.drawing.mermaid import mermaid
from service.interchange.drawing.picture import picture_of

GRAPH: dict[str, Any] = {
    "name": "Orders",
    "metadata": {"ingress": {"node": "entry"}},
    "nodes": [
        {"id": "entry", "component": "symbia.core.passthrough"},
        {
            "id": "price",
            "name": "Price it",
            "graph": {
                "name": "Pricing",
                "ports": {
                    "inputs": [{"name": "in", "bind": [{"node": "a", "port": "in"}, {"node": "b", "port": "in"}]}],
                    "outputs": [{"name": "out", "bind": {"node": "b", "port": "out"}}],
                },
                "nodes": [{"id": "a", "component": "x.a"}, {"id": "b", "component": "x.b"}],
                "edges": [],
            },
        },
        {"id": "failed", "component": "symbia.core.logger"},
    ],
    "edges": [
        {"source": {"node": "entry", "port": "out"}, "target": {"node": "price", "port": "in"}},
        {"source": {"node": "price", "port": "out"}, "target": {"node": "failed", "port": "in"}},
        {"source": {"node": "entry", "port": "error"}, "target": {"node": "failed", "port": "in"}},
    ],
}


def test_a_graph_is_a_flowchart_of_mermaid() -> None:
    """Entries are round, graphs inside are groups, and arrows lead to the nodes that a port stands for."""
    assert mermaid(picture_of(GRAPH)).splitlines() == [
        "flowchart LR",
        '  n2(["entry<br/><small>symbia.core.passthrough</small>"])',
        '  n6["failed<br/><small>symbia.core.logger</small>"]',
        '  subgraph g3["Price it"]',
        '    n4["a<br/><small>x.a</small>"]',
        '    n5["b<br/><small>x.b</small>"]',
        "  end",
        "  n2 --> n4",
        "  n2 --> n5",
        "  n5 --> n6",
        '  n2 -.->|"error"| n6',
    ]


def test_a_graph_is_a_digraph_of_graphviz() -> None:
    """The same in its words."""
    assert dot(picture_of(GRAPH)).splitlines() == [
        'digraph "Orders" {',
        "  rankdir=LR;",
        "  node [shape=box];",
        '  n2 [label="entry\\nsymbia.core.passthrough", style=bold];',
        '  n6 [label="failed\\nsymbia.core.logger"];',
        "  subgraph cluster_3 {",
        '    label="Price it";',
        '    n4 [label="a\\nx.a"];',
        '    n5 [label="b\\nx.b"];',
        "  }",
        "  n2 -> n4;",
        "  n2 -> n5;",
        "  n5 -> n6;",
        '  n2 -> n6 [label="error", style=dashed];',
        "}",
    ]


def test_names_are_shown_and_say_nothing_to_the_reader_of_the_diagram() -> None:
    """A name cannot end its quotes, begin a line, or be markup."""
    name = '"]\n  evil --> n1 <script>alert(1)</script> \\" }'
    picture = picture_of({"nodes": [{"id": name, "component": "x"}], "edges": []})
    assert len(mermaid(picture).splitlines()) == 2
    assert "<script>" not in mermaid(picture)
    assert '\\"] evil --> n1 <script>alert(1)</script> \\\\\\" }\\nx"];' in dot(picture)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("nodes", "edges", "id", "graph", "ports", "inputs", "bind", "node", "source", "target")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_whatever_a_document_is_it_is_drawn(document: Any) -> None:
    """What has no shape is not there."""
    picture = picture_of(document)
    assert mermaid(picture).startswith("flowchart LR\n")
    assert dot(picture).endswith("}\n")
