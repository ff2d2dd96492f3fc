// The answer of an http response node, as a result of the graph.
const handler = nodeRed((red) => ({
  receive(msg) {
    const statusCode = Number(red.statusCode || msg.statusCode || 200);
    here.ctx.emit('out', { statusCode, headers: { ...msg.headers, ...red.headers }, payload: msg.payload ?? null });
  },
}));
