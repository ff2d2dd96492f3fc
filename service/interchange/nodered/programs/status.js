// Makes the message of a status node of what a function node says of itself.
const handler = nodeRed((red) => ({
  receive({ _msgid, ...status }) {
    sendAll({ _msgid, status: { ...status, ...(red.source ? { source: red.source } : {}) } });
  },
}));
