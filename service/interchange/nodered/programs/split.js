// Makes a sequence of messages of a string, an array or an object; `parts` says where each belongs.
const unescaped = (text) => text.replace(/\\([nrtef0])/g, (_, letter) => (
  { n: '\n', r: '\r', t: '\t', e: 'e', f: '\f', 0: '\0' }[letter]
));

const handler = nodeRed((red) => ({
  receive(msg) {
    const property = red.property || 'payload';
    const value = getProperty(msg, property);
    if (value === undefined || value === null) return;
    const { _msgid, parts: outer, ...rest } = msg;
    const parts = { ...(outer === undefined ? {} : { parts: outer }), id: newId() };
    if (property !== 'payload') parts.property = property;
    const send = (item, index, count, more, named) => {
      const each = clone({ ...rest, parts: { ...parts, ...more, index, ...(count === undefined ? {} : { count }) } });
      setProperty(each, property, item);
      if (named !== undefined && red.addname) setProperty(each, red.addname, named);
      sendAll(each);
    };
    if (typeof value === 'string') splitText(red, value, send);
    else if (Array.isArray(value)) {
      const len = Number(red.arraySplt ?? 1);
      const count = Math.ceil(value.length / len);
      for (let i = 0; i < count; i += 1) {
        send(len === 1 ? value[i] : value.slice(i * len, (i + 1) * len), i, count, { type: 'array', len });
      }
    } else if (typeof value === 'object') {
      const entries = Object.entries(value);
      entries.forEach(([key, item], i) => send(item, i, entries.length, { type: 'object', key }, key));
    }
  },
}));

function splitText(red, value, send) {
  const isStream = red.stream === true;
  const rest = isStream ? here.ctx.getState('remainder') ?? '' : '';
  const text = rest + value;
  const isLength = red.spltType === 'len';
  const len = Number(red.splt);
  const ch = isLength ? '' : unescaped(red.splt || '\\n');
  const pieces = isLength ? lengths(text, len) : text.split(ch);
  let index = isStream ? here.ctx.getState('index') ?? 0 : 0;
  let remainder = '';
  if (isStream && !(isLength && pieces[pieces.length - 1].length === len)) remainder = pieces.pop();
  const count = isStream ? undefined : pieces.length;
  pieces.forEach((piece) => {
    send(piece, index, count, { type: 'string', ch, ...(isLength ? { len } : {}) });
    index += 1;
  });
  if (isStream) {
    here.ctx.setState('remainder', remainder);
    here.ctx.setState('index', index);
  }
}

function lengths(text, len) {
  const pieces = [];
  for (let at = 0; at < text.length; at += len) pieces.push(text.slice(at, at + len));
  return pieces.length ? pieces : [''];
}
