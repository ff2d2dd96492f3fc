"""The first graph: the specification's Quick Reference as lines for a shell, shown when the service starts."""

from string import Template

GRAPH = """\
{"symbia":"1.0","name":"Simple Pipeline","version":"1.0.0",
 "nodes":[{"id":"input","component":"symbia.core.passthrough"},
          {"id":"double","component":"symbia.core.map","config":{"expression":"value * 2"}},
          {"id":"output","component":"symbia.core.logger"}],
 "edges":[{"id":"e1","source":{"node":"input","port":"out"},"target":{"node":"double","port":"in"}},
          {"id":"e2","source":{"node":"double","port":"out"},"target":{"node":"output","port":"in"}}]}"""

_LINES = Template("""\
URL=$url
GRAPH=$$(curl -s $$URL/api/graphs -H 'Content-Type: application/json' -d '$graph' \\
  | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
EXECUTION=$$(curl -s -X POST $$URL/api/graphs/$$GRAPH/execute | grep -o '"executionId":"[^"]*"' | cut -d'"' -f4)
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/inject -H 'Content-Type: application/json' \\
  -d '{"nodeId":"input","port":"in","value":21}'
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/logs
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/metrics
""")


def shell_lines(url: str) -> str:
    """Lines for a POSIX shell that load the graph, run it, inject 21 and show 42 in the log and the metrics."""
    return _LINES.substitute(url=url, graph=GRAPH)


def address_line(url: str) -> str:
    """Return what ``serve`` prints when it is ready, for programs and files: where."""
    return f"symbia-runtime serves {url}"


def greeting(url: str) -> str:
    """Return what ``serve`` prints when it is ready and somebody sits there: where, and what to do."""
    return (
        f"{address_line(url)}\n\n"
        f"For a browser: {url}/\n\n"
        f"A first graph, to paste into another terminal (it doubles 21, and the log shows 42):\n\n"
        f"{shell_lines(url)}\n"
        "Ctrl-C stops the service.\n"
    )
