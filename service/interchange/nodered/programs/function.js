// A function node: its code is above, in the three functions.
const env = { get: (name) => environment(name) };
const RED = { util: {
  cloneMessage: clone,
  getMessageProperty: getProperty,
  setMessageProperty: setProperty,
  getObjectProperty: valueAt,
  setObjectProperty: setAt,
  compareObjects: alike,
  generateId: newId,
  ensureString: (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)),
  evaluateNodeProperty: (value, type, _, msg, callback) => (
    callback ? callback(null, typed(value, type, msg)) : typed(value, type, msg)
  ),
  normalisePropertyExpression: keysOf,
} };
const later = 'there are no timers here; put a delay node behind this one';
const timers = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => missing(name, later));
const [setTimeout, setInterval, setImmediate] = timers;
const clearTimeout = () => {};
const clearInterval = () => {};
const require = missing('require', 'there are no modules here');
const userContext = { ...contexts.node, flow: contexts.flow, global: contexts.global };

let failed; // what the code for the start threw: the graph runs, and this node refuses each message

const handler = nodeRed(() => ({
  async start() {
    try {
      await onStart(userContext, contexts.flow, contexts.global, env);
    } catch (error) {
      failed = error;
      report(error);
    }
  },
  async receive(msg) {
    if (failed !== undefined) throw failed;
    sendAll(await onMessage(msg, userContext, contexts.flow, contexts.global, env, node.send, node.done, msg._msgid));
  },
  stop: () => onStop(userContext, contexts.flow, contexts.global, env),
}));
