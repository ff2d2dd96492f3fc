// Sends a message to the outputs whose rules hold.
const size = (value) => (typeof value === 'string' || Array.isArray(value) ? value.length : Object.keys(value).length);
const isSized = (value) => typeof value === 'string' || (typeof value === 'object' && value !== null);
const holds = {
  eq: (a, b) => a == b,
  neq: (a, b) => a != b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  btwn: (a, b, c) => (a >= b && a <= c) || (a <= b && a >= c),
  cont: (a, b) => String(a).includes(b),
  regex: (a, b, c, rule) => new RegExp(b, rule.case ? 'i' : '').test(String(a)),
  true: (a) => a === true,
  false: (a) => a === false,
  null: (a) => a === undefined || a === null,
  nnull: (a) => a !== undefined && a !== null,
  empty: (a) => isSized(a) && size(a) === 0,
  nempty: (a) => isSized(a) && size(a) !== 0,
  istype(a, kind) {
    if (kind === 'array') return Array.isArray(a);
    if (kind === 'buffer') return false;
    if (kind === 'json') return found(() => { JSON.parse(a); return true; }) === true;
    if (kind === 'null') return a === null;
    if (kind === 'number') return typeof a === 'number' && !Number.isNaN(a);
    return typeof a === kind && !Array.isArray(a) && a !== null;
  },
  head: (a, b, c, rule, parts) => parts.index < Number(b),
  tail: (a, b, c, rule, parts) => parts.count - Number(b) <= parts.index,
  index: (a, b, c, rule, parts) => Number(b) <= parts.index && parts.index <= Number(c),
  hask: (a, b) => a !== undefined && a !== null && typeof b !== 'object' && Object.hasOwn(Object(a), String(b)),
  jsonata_exp: (a, b) => b === true,
};

const handler = nodeRed((red) => {
  const operand = (value, type, msg) => {
    if (type === 'prev') return here.ctx.getState('previous');
    if (type === 'jsonata') return expressionOf(value)(msg, { I: msg.parts?.index, N: msg.parts?.count });
    return found(() => typed(value, type, msg));
  };
  const routed = (msg) => {
    const kind = red.propertyType ?? 'msg';
    const value = kind === 'jsonata' ? expressionOf(red.property)(msg) : found(() => typed(red.property, kind, msg));
    let nothingHeld = true;
    const outputs = [];
    for (const rule of red.rules) {
      const holding = rule.t === 'else' ? nothingHeld : holds[rule.t](
        value, operand(rule.v, rule.vt, msg), operand(rule.v2, rule.v2t, msg), rule, msg.parts,
      );
      if (rule.t === 'else') nothingHeld = true;
      outputs.push(holding ? msg : null);
      if (holding) {
        nothingHeld = false;
        if (red.checkall === 'false') break;
      }
    }
    here.ctx.setState('previous', value);
    return outputs;
  };
  // Each output gets a sequence of its own, once all messages of the one that came are there.
  const repaired = (messages) => {
    const sequences = {};
    messages.forEach((msg) => routed(msg).forEach((each, i) => { if (each) (sequences[i] ??= []).push(clone(each)); }));
    Object.entries(sequences).forEach(([output, each]) => {
      const id = newId();
      each.forEach((msg, index) => {
        Object.assign(msg.parts, { id, index, count: each.length });
        here.ctx.emit(portOf(Number(output)), msg);
      });
    });
  };
  return {
    receive(msg) {
      if (!red.repair || msg.parts?.id === undefined || msg.parts.index === undefined) { sendAll(routed(msg)); return; }
      const groups = here.ctx.getState('groups') ?? {};
      const group = groups[msg.parts.id] ??= { messages: [] };
      group.messages.push(msg);
      group.count = msg.parts.count ?? group.count;
      if (group.messages.length === group.count) {
        delete groups[msg.parts.id];
        group.messages.forEach((each) => { each.parts.count = group.count; });
        repaired(group.messages);
      }
      here.ctx.setState('groups', groups);
    },
  };
});
