// Makes sequences: of so many messages, or of the sequences of several topics behind each other.
const handler = nodeRed((red) => ({
  receive(msg, port) {
    const pending = here.ctx.getState('pending') ?? [];
    if (port === 'tick') {
      if (pending.length) sequence(pending);
      else if (red.allowEmpty) sendAll({ payload: null, parts: { id: newId(), index: 0, count: 1 } });
      here.ctx.setState('pending', []);
      return;
    }
    if (Object.hasOwn(msg, 'reset')) { here.ctx.setState('pending', []); return; }
    if (red.mode === 'interval') { here.ctx.setState('pending', [...pending, msg]); return; }
    here.ctx.setState('pending', red.mode === 'concat' ? topics(red, pending, msg) : counted(red, pending, msg));
  },
}));

function sequence(messages) {
  const id = messages[0]._msgid;
  messages.forEach((msg, index) => {
    const each = clone(msg);
    each.parts = { ...each.parts, id, index, count: messages.length };
    sendAll(each);
  });
}

function counted(red, pending, msg) {
  const overlap = Number(red.overlap || 0);
  const isLast = red.honourParts && msg.parts !== undefined && msg.parts.index + 1 === msg.parts.count;
  pending.push(msg);
  if (pending.length < Number(red.count || 1) && !isLast) return pending;
  sequence(pending);
  return overlap ? pending.slice(-overlap) : [];
}

function topics(red, pending, msg) {
  const wanted = (red.topics ?? []).map(({ topic }) => topic);
  if (!wanted.includes(msg.topic)) return pending;
  if (msg.parts?.id === undefined || msg.parts.index === undefined || msg.parts.count === undefined) {
    throw new Error('Message missing msg.parts: cannot put it into a sequence');
  }
  const groups = [...pending];
  let group = groups.find((each) => each.topic === msg.topic && each.id === msg.parts.id);
  if (!group) {
    group = { topic: msg.topic, id: msg.parts.id, messages: [], count: msg.parts.count };
    groups.push(group);
  }
  group.messages.push(msg);
  const first = wanted.map((topic) => groups.find((each) => each.topic === topic));
  if (first.some((each) => each === undefined || each.messages.length !== each.count)) return groups;
  sequence(first.flatMap((each) => each.messages));
  return groups.filter((each) => !first.includes(each));
}
