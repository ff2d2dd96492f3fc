// The entry of a graph that was served over HTTP: finds the http in node that a request is for.
// A request is {req: {method, url, headers, query, body}}; anything else is the body for the only http in node.
const handler = nodeRed((red) => ({
  receive(given) {
    const isRequest = typeof given.req === 'object' && given.req !== null;
    const req = isRequest ? { ...given.req } : { body: given.payload ?? bodyOf(given) };
    const only = red.routes.length === 1 ? red.routes[0] : undefined;
    const [path, queryText] = String(req.url ?? only?.url ?? '').split('?');
    const method = String(req.method ?? only?.method ?? 'get').toLowerCase();
    for (let i = 0; i < red.routes.length; i += 1) {
      const params = red.routes[i].method === method ? paramsOf(red.routes[i].url, path) : undefined;
      if (params !== undefined) {
        const query = req.query ?? queryOf(queryText);
        const payload = given.payload !== undefined && isRequest ? given.payload
          : req.body !== undefined ? req.body : method === 'get' ? query : {};
        here.ctx.emit(portOf(i), {
          _msgid: given._msgid, payload,
          req: { headers: {}, cookies: {}, ...req, method: method.toUpperCase(), query, params },
        });
        return;
      }
    }
    const known = red.routes.map((route) => `${route.method.toUpperCase()} ${route.url}`).join(', ');
    throw new Error(`No http in node is for ${method.toUpperCase()} ${path}; there are ${known}`);
  },
}));

const bodyOf = ({ _msgid, ...rest }) => rest;
const decoded = (text) => found(() => decodeURIComponent(text)) ?? text;

function paramsOf(pattern, path) {
  const wanted = pattern.split('/').filter((part) => part);
  const given = path.split('/').filter((part) => part);
  const params = {};
  for (let i = 0; i < Math.max(wanted.length, given.length); i += 1) {
    if (wanted[i] === '*') { params[0] = given.slice(i).map(decoded).join('/'); return params; }
    if (given[i] === undefined && wanted[i]?.endsWith('?')) return params;
    if (wanted[i] === undefined || given[i] === undefined) return undefined;
    if (wanted[i].startsWith(':')) params[wanted[i].slice(1).replace(/\?$/, '')] = decoded(given[i]);
    else if (wanted[i].toLowerCase() !== given[i].toLowerCase()) return undefined;
  }
  return params;
}

function queryOf(text) {
  const query = {};
  (text ?? '').split('&').filter((pair) => pair).forEach((pair) => {
    const [name, ...rest] = pair.replace(/\+/g, ' ').split('=');
    query[decoded(name)] = decoded(rest.join('='));
  });
  return query;
}
