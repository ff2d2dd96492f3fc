// Between JSON text and values.
const handler = nodeRed((red) => ({
  receive(msg) {
    const property = red.property || 'payload';
    const value = getProperty(msg, property);
    const action = red.action ?? '';
    if (value === null) { node.warn('Ignored: neither text nor an object'); return; }
    if (typeof value === 'string' && action !== 'str') setProperty(msg, property, JSON.parse(value));
    else if (value !== undefined && typeof value !== 'string' && action !== 'obj') {
      setProperty(msg, property, JSON.stringify(value, null, red.pretty ? 4 : 0));
    }
    sendAll(msg);
  },
}));
