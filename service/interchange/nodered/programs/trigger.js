// The first half of a trigger node: sends the first message at once, and orders the second one by `later`.
const handler = nodeRed((red) => ({
  receive(msg) {
    const topic = red.bytopic === 'topic' ? found(() => getProperty(msg, red.topic || 'topic')) ?? '_none' : '_none';
    const open = here.ctx.getState('open') ?? {};
    const now = Date.now();
    const isReset = Object.hasOwn(msg, 'reset')
      || (red.reset && msg.payload !== undefined && msg.payload !== null && String(msg.payload) === red.reset);
    const isOpen = open[topic] !== undefined && (red.ms === 0 || now < open[topic].until);
    if (isReset) delete open[topic];
    else if (!isOpen) first(red, msg, topic, open, now);
    else if (red.extends && red.ms > 0) again(red, msg, topic, open, now);
    else if (red.op2type === 'payl') here.ctx.emit('newest', { topic, turn: open[topic].turn, msg });
    if (isReset) here.ctx.emit('newest', { topic, turn: null });
    here.ctx.setState('open', open);
  },
}));

function order(red, msg, topic, open, now, payload) {
  const turn = (here.ctx.getState('turns') ?? 0) + 1;
  here.ctx.setState('turns', turn);
  open[topic] = { until: now + red.ms, turn, payload };
  if (red.ms <= 0) return;
  here.ctx.emit('newest', { topic, turn });
  if (red.op2type !== 'nul') here.ctx.emit('later', { topic, turn, msg: { ...clone(msg), payload } });
}

function first(red, msg, topic, open, now) {
  order(red, msg, topic, open, now, red.op2type === 'nul' ? undefined : valueOf(red.op2, red.op2type, msg));
  if (red.op1type === 'nul') return;
  if (red.op1type !== 'pay') msg.payload = valueOf(red.op1, red.op1type, msg);
  here.ctx.emit('out', msg);
}

// A message that comes while the node waits begins the waiting anew.
function again(red, msg, topic, open, now) {
  order(red, msg, topic, open, now, red.op2type === 'payl' ? msg.payload : open[topic].payload);
}

function valueOf(value, type, msg) {
  if (type === 'pay' || type === 'payl') return msg.payload;
  if (type === 'str' && String(value).includes('{{')) return mustache(value, msg, false);
  return typed(value, type, msg);
}
