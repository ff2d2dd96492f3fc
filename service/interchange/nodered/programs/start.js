// Sends one message when the graph starts.
const handler = {
  initialize(ctx) { ctx.emit('out', ctx.config.value); },
  process() {},
};
