var e=`{
  "symbia": "1.0",
  "name": "Simple Pipeline",
  "version": "1.0.0",
  "nodes": [
    {"id": "input", "component": "symbia.core.passthrough"},
    {"id": "double", "component": "symbia.core.map", "config": {"expression": "value * 2"}},
    {"id": "output", "component": "symbia.core.logger"}
  ],
  "edges": [
    {"id": "e1", "source": {"node": "input", "port": "out"}, "target": {"node": "double", "port": "in"}},
    {"id": "e2", "source": {"node": "double", "port": "out"}, "target": {"node": "output", "port": "in"}}
  ]
}
`;export{e as default};