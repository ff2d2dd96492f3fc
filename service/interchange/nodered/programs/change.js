// Sets, changes, deletes and moves properties.
const handler = nodeRed((red) => ({
  receive(msg) {
    if (red.rules.every((rule) => apply(msg, rule))) sendAll(msg);
  },
}));

function place(kind, msg) {
  if (kind === 'flow' || kind === 'global') {
    return { get: (key) => contexts[kind].get(key), set: (key, value) => contexts[kind].set(key, value) };
  }
  return {
    get: (key) => getProperty(msg, key),
    set(key, value) {
      if (!setProperty(msg, key, value) && value !== undefined) node.warn(`Cannot set property ${key}`);
    },
  };
}

function apply(msg, rule) {
  try {
    if (rule.t === 'move') move(msg, rule);
    else if (rule.t === 'delete') place(rule.pt, msg).set(rule.p, undefined);
    else if (rule.t === 'set') set(msg, rule);
    else if (rule.t === 'change') change(msg, rule);
  } catch (error) {
    if (rule.tot === 'jsonata' || rule.tot === 'bin' || rule.tot === 'date') { report(error, msg); return false; }
  }
  return true;
}

function set(msg, rule) {
  const isPath = ['msg', 'flow', 'global'].includes(rule.tot);
  const value = isPath ? found(() => typed(rule.to, rule.tot, msg)) : typed(rule.to, rule.tot, msg);
  place(rule.pt, msg).set(rule.p, rule.dc ? clone(value) : value);
}

function move(msg, rule) {
  const value = found(() => place(rule.pt, msg).get(rule.p));
  place(rule.pt, msg).set(rule.p, undefined);
  place(rule.tot, msg).set(rule.to, value);
}

function change(msg, rule) {
  const target = place(rule.pt, msg);
  const current = target.get(rule.p);
  const to = typed(rule.to, rule.tot, msg);
  const isPath = ['msg', 'flow', 'global'].includes(rule.fromt);
  const from = isPath ? typed(rule.from, rule.fromt, msg) : rule.from;
  const kind = isPath ? { number: 'num', boolean: 'bool', string: 'str' }[typeof from] : rule.fromt;
  if (kind === undefined) throw new Error(`Cannot look for a value of type ${typeof from}`);
  if (typeof current === 'string') {
    if (kind !== 're' && current === String(from)) { target.set(rule.p, to); return; }
    const pattern = kind === 're' ? from : String(from).replace(/[-[\]{}()*+?.,\\^$|#\s]/g, '\\$&');
    const changed = current.replace(new RegExp(pattern, 'g'), to);
    target.set(rule.p, rule.tot === 'bool' && changed === String(to) ? to : changed);
  } else if (typeof current === 'number' && kind === 'num') {
    if (current === Number(from)) target.set(rule.p, to);
  } else if (typeof current === 'boolean' && kind === 'bool') {
    if (String(current) === String(from)) target.set(rule.p, to);
  }
}
