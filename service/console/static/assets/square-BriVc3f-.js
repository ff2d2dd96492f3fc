var e=`{
  "id": "custom.math.square",
  "name": "Square",
  "version": "1.0.0",
  "ports": {
    "inputs": [{"name": "in", "schema": {"type": "number"}}],
    "outputs": [{"name": "out", "schema": {"type": "number"}}]
  },
  "execution": {
    "type": "javascript",
    "entrypoint": "handler",
    "source": "return { process: async (ctx, port, value) => ctx.emit('out', value * value) }"
  }
}
`;export{e as default};