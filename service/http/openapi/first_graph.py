"""The first graph: the specification's Quick Reference as lines for a shell, and further ones to go on with."""

from string import Template

GRAPH = """\
{"symbia":"1.0","name":"Simple Pipeline","version":"1.0.0",
 "nodes":[{"id":"input","component":"symbia.core.passthrough"},
          {"id":"double","component":"symbia.core.map","config":{"expression":"value * 2"}},
          {"id":"output","component":"symbia.core.logger"}],
 "edges":[{"id":"e1","source":{"node":"input","port":"out"},"target":{"node":"double","port":"in"}},
          {"id":"e2","source":{"node":"double","port":"out"},"target":{"node":"output","port":"in"}}]}"""

_FIRST = Template("""\
URL=$url
GRAPH=$$(curl -s $$URL/api/graphs -H 'Content-Type: application/json' -d '
$graph' \\
  | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
EXECUTION=$$(curl -s -X POST $$URL/api/graphs/$$GRAPH/execute | grep -o '"executionId":"[^"]*"' | cut -d'"' -f4)
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/inject -H 'Content-Type: application/json' \\
  -d '{"nodeId":"input","port":"in","value":21}'
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/logs
curl -s -w '\\n' $$URL/api/executions/$$EXECUTION/metrics
""")

_COMPONENT = Template("""\
URL=$url
curl -s -w '\\n' $$URL/api/components -H 'Content-Type: application/json' -d '
{"id":"custom.math.square","name":"Square","version":"1.0.0",
 "ports":{"inputs":[{"name":"in"}],"outputs":[{"name":"out"}]},
 "execution":{"type":"javascript",
  "source":"return { process: (ctx, port, value) => ctx.emit(\\"out\\", value * value) }"}}'
GRAPH=$$(curl -s $$URL/api/graphs -H 'Content-Type: application/json' -d '
{"symbia":"1.0","name":"Squares","version":"1.0.0",
 "nodes":[{"id":"square","component":"custom.math.square"}],"edges":[]}' \\
  | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
EXECUTION=$$(curl -s -X POST $$URL/api/graphs/$$GRAPH/execute | grep -o '"executionId":"[^"]*"' | cut -d'"' -f4)
curl -s -w '\\n' "$$URL/api/executions/$$EXECUTION/inject?wait=1000" -H 'Content-Type: application/json' \\
  -d '{"nodeId":"square","port":"in","value":12}'
""")

_WATCHING = Template("""\
symbia-runtime watch $$EXECUTION --url $url
""")


def shell_lines(url: str) -> str:
    """Return lines for a POSIX shell that load the graph, run it, inject 21 and show 42 in the log."""
    return _FIRST.substitute(url=url, graph=GRAPH)


def component_lines(url: str) -> str:
    """Return lines for a POSIX shell that register a component, run it in a graph, and show 144 in a reply."""
    return _COMPONENT.substitute(url=url)


def watching_lines(url: str) -> str:
    """Return lines for a POSIX shell that watch the execution of the lines before."""
    return _WATCHING.substitute(url=url)
