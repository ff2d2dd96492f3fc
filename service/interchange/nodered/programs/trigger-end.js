// The second half of a trigger node: lets a message out whose time has come, unless a newer one has taken its place.
const handler = nodeRed(() => ({
  receive(msg, port) {
    const newest = here.ctx.getState('newest') ?? {};
    if (port === 'newest') {
      if (msg.turn === null) delete newest[msg.topic];
      else newest[msg.topic] = { turn: msg.turn, msg: msg.msg };
    } else if (newest[msg.topic]?.turn === msg.turn) {
      const last = newest[msg.topic].msg ?? msg.msg;
      delete newest[msg.topic];
      sendAll(last);
    }
    here.ctx.setState('newest', newest);
  },
}));
