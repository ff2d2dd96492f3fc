// Lets through what has changed: at all, or by more (or less) than a gap.
const handler = nodeRed((red) => ({
  receive(msg) {
    const isByTopic = red.septopics !== false;
    const topic = found(() => getProperty(msg, red.topi || 'topic'));
    let previous = here.ctx.getState('previous') ?? {};
    if (Object.hasOwn(msg, 'reset')) {
      if (isByTopic && typeof topic === 'string' && topic) delete previous[topic];
      else previous = {};
    }
    const value = found(() => getProperty(msg, red.property || 'payload'));
    if (value !== undefined) {
      const key = (isByTopic && topic) || '_no_topic';
      if (passes(red, previous, key, value)) sendAll(msg);
    }
    here.ctx.setState('previous', previous);
  },
}));

function passes(red, previous, key, value) {
  if (red.func === 'rbe' || red.func === 'rbei') {
    const isKnown = Object.hasOwn(previous, key);
    if (isKnown && alike(value, previous[key])) return false;
    if (!isKnown && typeof value === 'object' && alike(value, {})) return false;
    previous[key] = clone(value);
    return isKnown || red.func === 'rbe';
  }
  const number = parseFloat(value);
  if (Number.isNaN(number)) return false;
  const isBand = red.func.startsWith('narrowband');
  if (previous[key] === undefined && isBand) previous[key] = red.start === '' ? number : Number(red.start);
  const isShare = String(red.gap).endsWith('%');
  const share = parseFloat(red.gap);
  const gap = isShare ? Math.abs(previous[key] * share / 100) || 0 : Number(red.gap);
  if (previous[key] === undefined) previous[key] = number - gap - 1;
  const distance = Math.abs(number - previous[key]);
  const isSent = distance === gap ? red.func === 'deadbandEq' || red.func === 'narrowband'
    : isBand ? distance < gap : distance > gap;
  if (isSent && red.inout === 'out') previous[key] = number;
  if (red.inout === 'in') previous[key] = number;
  return isSent;
}
