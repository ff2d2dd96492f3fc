// Before a request: hands on the message, and what the request is made of.
const handler = nodeRed((red) => ({
  receive(msg) {
    here.ctx.emit('msg', msg);
    here.ctx.emit('out', red.sendsPayload ? msg.payload ?? null : msg);
  },
}));
