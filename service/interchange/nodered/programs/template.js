// Fills a template of Mustache.
const handler = nodeRed((red) => ({
  receive(msg) {
    const template = red.template === '' && Object.hasOwn(msg, 'template') ? msg.template : red.template;
    let value = template;
    if (red.syntax !== 'plain') value = mustache(template, msg, red.output === 'json');
    if (red.output === 'json') value = JSON.parse(value);
    if (red.fieldType === 'flow' || red.fieldType === 'global') contexts[red.fieldType].set(red.field, value);
    else setProperty(msg, red.field, value);
    sendAll(msg);
  },
}));
