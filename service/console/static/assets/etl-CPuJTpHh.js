var e=`# yaml-language-server: $schema=http://127.0.0.1:5006/schemas/graph.json
# The specification's first graph: fetch a document, take its items, log them.
# The address is a placeholder; README.md beside this file says how to try it.
symbia: "1.0"
name: ETL Pipeline
version: 1.0.0

nodes:
  - id: extract
    component: symbia.io.http-request
    config:
      url: https://api.example.com/data
  - id: transform
    component: symbia.core.map
    config:
      expression: value.data.items
  - id: load
    component: symbia.core.logger

edges:
  - id: e1
    source: {node: extract, port: out}
    target: {node: transform, port: in}
  - id: e2
    source: {node: transform, port: out}
    target: {node: load, port: in}
`;export{e as default};