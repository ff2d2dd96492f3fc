// Answers whoever called: each caller has an output of its own.
const handler = nodeRed((red) => ({
  receive(msg) {
    const { _linkSource: callers = [], ...rest } = msg;
    const index = red.callers.indexOf(callers[callers.length - 1]);
    if (index < 0) return;
    const left = callers.slice(0, -1);
    here.ctx.emit(portOf(index), left.length ? { ...rest, _linkSource: left } : rest);
  },
}));
