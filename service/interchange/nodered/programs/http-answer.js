// Behind a request: the message that caused it, with the answer in it.
const handler = nodeRed((red) => ({
  receive({ a: msg, b: answer }) {
    if (answer.status === undefined) {
      report(new Error(answer.message), msg);
      if (!red.senderr) sendAll({ ...msg, payload: `RequestError: ${answer.message}`, statusCode: answer.name });
      return;
    }
    const isText = red.ret !== 'obj';
    let payload = isText ? answer.data : answer.body;
    if (isText && typeof payload !== 'string') payload = payload === null ? '' : JSON.stringify(payload);
    if (red.ret === 'obj' && answer.status === 204) payload = {};
    sendAll({
      ...msg, payload, statusCode: answer.status, headers: answer.headers, responseUrl: answer.url,
      redirectList: [], retry: 0,
    });
  },
}));
