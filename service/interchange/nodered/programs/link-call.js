// Calls what is behind a link: the message carries who is to be answered.
const handler = nodeRed(() => ({
  receive(msg) { sendAll({ ...msg, _linkSource: [...msg._linkSource ?? [], settings.id] }); },
}));
