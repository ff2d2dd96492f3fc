// Shows a property of each message: in the log, and as a result of the graph.
const handler = nodeRed((red) => ({
  receive(msg) {
    const whole = red.complete === 'true' || red.complete === true;
    const property = red.targetType === 'jsonata' || whole ? '' : red.complete;
    let shown;
    if (red.targetType === 'jsonata') shown = expressionOf(red.complete)(msg);
    else if (whole) shown = msg;
    else shown = found(() => getProperty(msg, property && property !== 'false' ? property : 'payload'));
    const { _msgid, ...rest } = whole ? msg : {};
    node.log(typeof shown === 'string' ? shown : JSON.stringify(whole ? rest : shown) ?? 'undefined');
    here.ctx.emit('out', shown === undefined ? null : shown);
  },
}));
