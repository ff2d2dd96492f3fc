// Joins the messages of a sequence, or a number of them, into one. What is waiting is kept in the node's state.
const unescaped = (text) => text.replace(/\\([nrtef0])/g, (_, letter) => (
  { n: '\n', r: '\r', t: '\t', e: 'e', f: '\f', 0: '\0' }[letter]
));

const handler = nodeRed((red) => ({
  receive(msg, port) {
    if (port === 'tick') { sendLate(red); return; }
    if (red.mode === 'reduce') { reduce(red, msg); return; }
    const isAuto = (red.mode ?? 'auto') === 'auto';
    if (isAuto && (msg.parts === undefined || msg.parts.id === undefined)) {
      if (!Object.hasOwn(msg, 'reset')) node.warn('Message missing msg.parts property: cannot join it');
      else here.ctx.setState('groups', {});
      return;
    }
    if (!isAuto && msg.parts !== undefined && red.useparts === false) {
      if (msg.parts.parts !== undefined) msg.parts = { parts: msg.parts.parts };
      else delete msg.parts;
    }
    joined(red, msg, isAuto ? automatic(msg) : configured(red, msg), isAuto);
  },
}));

function automatic(msg) {
  const { id, type, count, ch, key, len, index, property } = msg.parts;
  const value = found(() => getProperty(msg, property ?? 'payload'));
  return { id, type, count, ch, key, len, index, property: property ?? 'payload', value };
}

function configured(red, msg) {
  const property = red.propertyType === 'full' ? 'payload' : red.property || 'payload';
  const byParts = red.count === '' && msg.parts !== undefined;
  const ch = red.joinerType === 'bin' ? JSON.parse(red.joiner || '[]').map((each) => String.fromCharCode(each)).join('')
    : unescaped(red.joiner ?? '');
  const value = red.propertyType === 'full' ? msg : found(() => getProperty(msg, property));
  return {
    id: (byParts && msg.parts.id) || '_',
    type: red.build ?? 'array',
    count: byParts ? msg.parts.count ?? 0 : Number(red.count || 0),
    ch,
    key: red.build === 'object' ? found(() => getProperty(msg, red.key || 'topic')) : undefined,
    property,
    value,
  };
}

function joined(red, msg, piece, isAuto) {
  const groups = here.ctx.getState('groups') ?? {};
  const store = () => here.ctx.setState('groups', groups);
  if (Object.hasOwn(msg, 'restartTimeout') && groups[piece.id]) groups[piece.id].since = Date.now();
  if (Object.hasOwn(msg, 'reset')) { delete groups[piece.id]; store(); return; }
  const isNamed = piece.type === 'object';
  if (isNamed && (piece.key === undefined || piece.key === null || piece.key === '')) {
    if (!Object.hasOwn(msg, 'complete')) node.warn('Message without a key: cannot add it to an object');
    else if (groups[piece.id]) {
      groups[piece.id].msg.complete = msg.complete;
      finish(red, groups, piece.id, isAuto);
      store();
    }
    return;
  }
  const group = groups[piece.id] ??= {
    items: isNamed || piece.type === 'merged' ? {} : [],
    type: piece.type === 'merged' ? 'object' : piece.type,
    count: piece.count, size: 0, since: Date.now(), msg: {}, ch: piece.ch, len: piece.len, property: piece.property,
  };
  add(group, piece, msg);
  group.msg = { ...group.msg, ...msg };
  group.count = group.count || msg.parts?.count;
  if ((group.count > 0 && group.size >= group.count) || Object.hasOwn(msg, 'complete')) {
    finish(red, groups, piece.id, isAuto);
  }
  store();
}

// Sends what has waited for longer than the node says.
function sendLate(red) {
  const groups = here.ctx.getState('groups') ?? {};
  const late = Object.keys(groups).filter((id) => Date.now() - groups[id].since >= red.timeoutMs);
  late.forEach((id) => { finish(red, groups, id, true); });
  if (late.length) here.ctx.setState('groups', groups);
}

function add(group, piece, msg) {
  const { value } = piece;
  if (piece.type === 'object') {
    group.items[piece.key] = value;
    group.size = Object.keys(group.items).length;
  } else if (piece.type === 'merged') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      if (!Object.hasOwn(msg, 'complete')) node.warn('Cannot merge what is no object');
      return;
    }
    const { _msgid, ...rest } = value;
    Object.assign(group.items, rest);
    group.size = Object.keys(group.items).length;
  } else if (piece.index !== undefined && !Number.isNaN(Number(piece.index))) {
    if (group.items[piece.index] === undefined || group.items[piece.index] === null) group.size += 1;
    group.items[piece.index] = value;
  } else if (value !== undefined) {
    group.items.push(value);
    group.size += 1;
  }
}

function finish(red, groups, id, isAuto) {
  const group = groups[id];
  if (isAuto || red.accumulate !== true || Object.hasOwn(group.msg, 'complete')) delete groups[id];
  let payload = group.items;
  if (group.type === 'array' && group.len > 1) payload = payload.flat();
  if (group.type === 'string') payload = payload.join(group.ch ?? '');
  const msg = clone(group.msg);
  setProperty(msg, group.property ?? 'payload', payload);
  if (msg.parts?.parts !== undefined) msg.parts = msg.parts.parts;
  else delete msg.parts;
  delete msg.complete;
  sendAll(msg);
}

function reduce(red, msg) {
  if (msg.parts === undefined) { sendAll(msg); return; }
  const groups = here.ctx.getState('groups') ?? {};
  const group = groups[msg.parts.id] ??= { messages: [] };
  group.messages.push(msg);
  group.count ??= msg.parts.count;
  if (group.messages.length === group.count) {
    delete groups[msg.parts.id];
    const sorted = group.messages.sort((a, b) => (a.parts.index - b.parts.index) * (red.reduceRight ? -1 : 1));
    let sum = typed(red.reduceInit, red.reduceInitType, msg);
    const step = expressionOf(red.reduceExp);
    sorted.forEach((each) => { sum = step(each, { A: sum, I: each.parts.index, N: group.count }); });
    if (red.reduceFixup) sum = expressionOf(red.reduceFixup)({}, { A: sum, N: group.count });
    const last = sorted[sorted.length - 1];
    last.payload = sum;
    sendAll(last);
  }
  here.ctx.setState('groups', groups);
}
