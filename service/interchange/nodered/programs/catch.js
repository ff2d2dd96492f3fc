// Makes the message of a catch node of an error that left a node.
const handler = nodeRed((red) => ({
  receive(failure) {
    const { value } = failure;
    const msg = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { payload: value };
    const source = red.sources?.[failure.nodeId] ?? { id: failure.nodeId, name: failure.nodeId, type: 'unknown' };
    const isThrown = failure.stack !== undefined && source.type === 'function';
    const message = isThrown ? `${failure.name}: ${failure.message}` : failure.message;
    const error = { message, source: { ...source, count: 1 } };
    if (failure.stack) error.stack = failure.stack;
    sendAll({ ...msg, ...(msg.error === undefined ? {} : { _error: msg.error }), error });
  },
}));
