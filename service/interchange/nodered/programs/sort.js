// Sorts an array in a property, or the messages of a sequence.
const handler = nodeRed((red) => {
  const direction = red.order === 'descending' ? -1 : 1;
  const isProperty = red.targetType === 'msg';
  const keyType = isProperty ? red.msgKeyType : red.seqKeyType;
  const keyText = isProperty ? red.msgKey : red.seqKey;
  const keyOf = (item) => {
    if (keyType === 'jsonata') return expressionOf(keyText)(item);
    return isProperty ? item : getProperty(item, keyText || 'payload');
  };
  const sorted = (items) => items
    .map((item) => { const key = keyOf(item); return { item, key: red.as_num ? Number(key) : key }; })
    .sort((a, b) => (a.key === b.key ? 0 : a.key > b.key ? direction : -direction))
    .map(({ item }) => item);
  return {
    receive(msg) {
      if (isProperty) {
        const value = found(() => getProperty(msg, red.target || 'payload'));
        if (!Array.isArray(value)) return;
        setProperty(msg, red.target || 'payload', sorted(value));
        sendAll(msg);
        return;
      }
      if (msg.parts?.id === undefined || msg.parts.index === undefined) return;
      const groups = here.ctx.getState('groups') ?? {};
      const group = groups[msg.parts.id] ??= { messages: [] };
      group.messages.push(msg);
      group.count = msg.parts.count ?? group.count;
      if (group.messages.length === group.count) {
        delete groups[msg.parts.id];
        sorted(group.messages).forEach((each, index) => { each.parts.index = index; sendAll(each); });
      }
      here.ctx.setState('groups', groups);
    },
  };
});
