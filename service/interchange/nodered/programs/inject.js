// Makes the message of an inject node; an object that is injected by hand is laid over it, any other value is its payload.
const handler = nodeRed((red) => ({
  start() { if (red.once) sendAll(made(red)); },
  receive(given, port) {
    const msg = made(red);
    if (port !== 'tick') {
      const { _msgid, ...rest } = given;
      Object.assign(msg, rest.payload === null ? {} : rest);
    }
    sendAll(msg);
  },
}));

function made(red) {
  const msg = { _msgid: newId() };
  (red.props ?? []).forEach(({ p, v, vt }) => { if (p) setProperty(msg, p, typed(v ?? '', vt ?? 'str', msg), true); });
  return msg;
}
