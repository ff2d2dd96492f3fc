var e=`{
  "symbia": "1.0",
  "name": "Squares",
  "version": "1.0.0",
  "nodes": [
    {"id": "square", "component": "custom.math.square"},
    {"id": "output", "component": "symbia.core.logger"}
  ],
  "edges": [
    {"id": "e1", "source": {"node": "square", "port": "out"}, "target": {"node": "output", "port": "in"}}
  ]
}
`;export{e as default};