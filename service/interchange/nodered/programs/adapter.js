// The world that a Node-RED node finds: messages, properties by expression, context, settings.
// Each program below it calls nodeRed(make), where make(node, settings) returns {start, receive, stop}.

// A property expression, `a.b[0]["c d"]` or `a[msg.topic]`, as the list of its keys.
function keysOf(expression, msg) {
  const text = String(expression);
  const keys = [];
  let at = 0;
  const fail = (why) => { throw new Error(`Invalid property expression ${text}: ${why}`); };
  if (!text) fail('it is empty');
  while (at < text.length) {
    if (text[at] === '[') {
      const quote = text[at + 1];
      if (quote === '"' || quote === "'") {
        const end = text.indexOf(`${quote}]`, at + 2);
        if (end < 0) fail('a quote is not closed');
        keys.push(text.slice(at + 2, end));
        at = end + 2;
      } else {
        let depth = 1;
        let end = at + 1;
        while (end < text.length && depth) {
          if (text[end] === '[') depth += 1;
          if (text[end] === ']') depth -= 1;
          end += 1;
        }
        if (depth) fail('a [ is not closed');
        const inside = text.slice(at + 1, end - 1);
        if (/^\d+$/.test(inside)) keys.push(Number(inside));
        else if (/^msg[.[]/.test(inside)) keys.push(valueAt(msg, inside.replace(/^msg\.?/, ''), msg));
        else fail(`[${inside}] is neither a number nor a quoted name`);
        at = end;
      }
      if (text[at] === '.') at += 1;
    } else {
      let end = at;
      while (end < text.length && text[end] !== '.' && text[end] !== '[') end += 1;
      if (end === at) fail(`nothing stands before position ${at}`);
      keys.push(text.slice(at, end));
      at = text[end] === '.' ? end + 1 : end;
    }
  }
  return keys;
}

function valueAt(object, expression, msg = object) {
  return keysOf(expression, msg).reduce((inner, key) => inner[key], object);
}

function setAt(object, expression, value, createMissing = value !== undefined, msg = object) {
  const keys = keysOf(expression, msg);
  let inner = object;
  for (let i = 0; i < keys.length - 1; i += 1) {
    const key = keys[i];
    if (!Object.hasOwn(inner, key) || (inner[key] === undefined && Array.isArray(inner))) {
      if (!createMissing) return false;
      inner[key] = typeof keys[i + 1] === 'string' ? {} : [];
    }
    inner = inner[key];
    if (typeof inner !== 'object' || inner === null) return false;
  }
  const last = keys[keys.length - 1];
  if (value !== undefined) inner[last] = value;
  else if (typeof last === 'number' && Array.isArray(inner)) inner.splice(last, 1);
  else delete inner[last];
  return true;
}

const withoutMsg = (expression) => String(expression).replace(/^msg\./, '');
const getProperty = (msg, expression) => valueAt(msg, withoutMsg(expression));
const setProperty = (msg, expression, value, create) => setAt(msg, withoutMsg(expression), value, create);
const found = (read) => { try { return read(); } catch (error) { return undefined; } };

function clone(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return new Date(value);
  if (Array.isArray(value)) return value.map(clone);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, clone(inner)]));
}

function alike(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && alike(a[key], b[key]));
}

const newId = () => Array.from({ length: 16 }, () => Math.floor(Math.random() * 16).toString(16)).join('');

// A value that came by an edge is a message; anything else that is injected counts as its payload.
function messageOf(value) {
  const msg = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { payload: value };
  if (msg._msgid === undefined) msg._msgid = newId();
  return msg;
}

let here; // the ctx of this call
let settings; // what the importer wrote into the node's configuration

const missing = (what, instead) => () => { throw new Error(`${what} is not there: ${instead}`); };

// Context is kept in the node's own state; what another node must know is sent to it along an edge. Objects that are
// read are the context's own in Node-RED, so what a call changes in them is kept when it ends (settle).
const contextKey = (key) => String(key).replace(/^#:\([^)]*\)::/, '');
const textOf = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined);

function rootAt(scope, root) {
  const key = `${scope}:${root}`;
  if (!here.roots.has(key)) {
    const value = here.ctx.getState(key);
    here.roots.set(key, { scope, root, value, text: textOf(value) });
  }
  return here.roots.get(key).value;
}

function keep(scope, root, value) {
  const key = `${scope}:${root}`;
  here.roots.set(key, { scope, root, value, text: textOf(value) });
  here.ctx.setState(key, value);
  const names = here.ctx.getState('names') ?? {};
  if (Boolean(names[key]) !== (value !== undefined)) here.ctx.setState('names', { ...names, [key]: value !== undefined });
  if (scope !== 'node' && settings.tells.includes('context')) {
    here.ctx.emit('context', { scope, key: root, value: value ?? null });
  }
}

function settle() {
  [...here.roots.values()].forEach(({ scope, root, value, text }) => {
    if (textOf(value) !== text) keep(scope, root, value);
  });
}

const context = (scope) => {
  const rootOf = (key) => keysOf(contextKey(key), here.msg)[0];
  const read = (key) => {
    const root = rootOf(key);
    return found(() => valueAt({ [root]: rootAt(scope, root) }, contextKey(key), here.msg));
  };
  const write = (key, value) => {
    const root = rootOf(key);
    const holder = { [root]: rootAt(scope, root) };
    if (holder[root] === undefined) delete holder[root];
    setAt(holder, contextKey(key), value, value !== undefined, here.msg);
    keep(scope, root, holder[root]);
  };
  const answer = (callback, result) => {
    if (typeof callback !== 'function') return result;
    callback(null, ...(Array.isArray(result) ? result : [result]));
    return undefined;
  };
  return {
    get(key, store, callback) {
      const back = typeof store === 'function' ? store : callback;
      return answer(back, Array.isArray(key) ? key.map(read) : read(key));
    },
    set(key, value, store, callback) {
      const back = typeof store === 'function' ? store : callback;
      if (Array.isArray(key)) key.forEach((each, i) => write(each, Array.isArray(value) ? value[i] : value));
      else write(key, value);
      return answer(back, []);
    },
    keys(store, callback) {
      const names = Object.entries(here.ctx.getState('names') ?? {});
      const keys = names.filter(([name, is]) => is && name.startsWith(`${scope}:`));
      const list = keys.map(([name]) => name.slice(scope.length + 1));
      const back = typeof store === 'function' ? store : callback;
      if (typeof back !== 'function') return list;
      back(null, list);
      return undefined;
    },
  };
};
const contexts = { node: context('node'), flow: context('flow'), global: context('global') };

// What stands in a typed field of Node-RED's editor.
function typed(value, type, msg) {
  switch (type) {
    case 'num': return Number(value);
    case 'bool': return /^true$/i.test(value);
    case 'json': return typeof value === 'string' ? JSON.parse(value) : clone(value);
    case 'msg': return getProperty(msg, value);
    case 'flow': case 'global': return contexts[type].get(value);
    case 'env': return environment(value);
    case 'date':
      if (!value) return Date.now();
      if (value === 'iso' || value === 'object') return new Date().toISOString();
      throw new Error(`A date in the form ${value} is to be written by hand`);
    case 'jsonata': return expressionOf(value)(msg);
    case 'null': return null;
    case 'bin': throw new Error('Buffers are to be written by hand');
    case 're': return new RegExp(value);
    default: return value === undefined || value === null ? '' : String(value);
  }
}

function environment(name) {
  const text = String(name);
  const get = (each) => {
    if (each === 'NR_NODE_NAME') return settings.name;
    if (each === 'NR_NODE_ID') return settings.id;
    return settings.env[each] ?? '';
  };
  if (/^\$\{[^}]+\}$/.test(text)) return get(text.slice(2, -1));
  if (!/\$\{\S+\}/.test(text)) return get(text);
  return text.replace(/\$\{([^}]+)\}/g, (_, each) => get(each));
}

// What the importer made of an expression in JSONata stands in `settings.jsonata`, as JavaScript.
function expressionOf(text) {
  const source = settings.jsonata[text];
  if (source === undefined) throw new Error(`This expression is to be written by hand: ${text}`);
  const compiled = new Function('J', 'msg', 'given', `"use strict"; return ${source};`);
  return (msg, given = {}) => compiled(J, msg, given);
}

const portOf = (index) => (settings.outputs === 1 ? 'out' : `out${index + 1}`);

// Sends what a function node may return: a message, or an array with a message or an array of them for each output.
function sendAll(messages) {
  if (messages === null || messages === undefined) return;
  const outputs = Array.isArray(messages) ? messages : [messages];
  outputs.slice(0, settings.outputs).forEach((output, index) => {
    (Array.isArray(output) ? output : [output]).forEach((msg) => {
      if (msg === null || msg === undefined) return;
      if (typeof msg !== 'object' || Array.isArray(msg)) {
        throw new TypeError(`Function tried to send a message of type ${Array.isArray(msg) ? 'array' : typeof msg}`);
      }
      if (msg._msgid === undefined) msg._msgid = newId();
      here.ctx.emit(portOf(index), msg);
    });
  });
}

const words = (parts) => parts.map((part) => (
  typeof part === 'string' ? part : part instanceof Error ? part.message : JSON.stringify(part) ?? String(part)
)).join(' ');

function report(problem, msg) {
  const message = problem instanceof Error ? problem.message : words([problem]);
  here.ctx.log('error', message);
  if (msg === undefined || !settings.tells.includes('error')) return;
  here.ctx.emit('error', {
    message, name: problem instanceof Error ? problem.name : 'Error', nodeId: here.ctx.nodeId, port: 'in', value: msg,
  });
}

const node = {
  get id() { return settings.id; },
  get name() { return settings.name; },
  get outputCount() { return settings.outputs; },
  log: (...parts) => here.ctx.log('info', words(parts)),
  warn: (...parts) => here.ctx.log('warn', words(parts)),
  debug: (...parts) => here.ctx.log('debug', words(parts)),
  trace: (...parts) => here.ctx.log('debug', words(parts)),
  error: report,
  status(status) {
    const shown = typeof status === 'object' && status !== null ? status : { text: String(status ?? '') };
    if (settings.tells.includes('status')) here.ctx.emit('status', shown);
    else here.ctx.log('debug', `status: ${JSON.stringify(shown)}`);
  },
  send: sendAll,
  done() {},
  on(event, callback) { if (event === 'close') closing.push(callback); },
};
const closing = [];

function nodeRed(make) {
  let body;
  const open = (ctx, msg) => {
    here = { ctx, msg, roots: new Map() };
    settings ??= { name: '', id: ctx.nodeId, type: '', outputs: 1, env: {}, jsonata: {}, tells: [], ...ctx.config.settings };
    body ??= make(settings.red ?? {});
    return body;
  };
  return {
    async initialize(ctx) {
      await open(ctx).start?.();
      settle();
    },
    async process(ctx, port, value) {
      if (port === 'context') {
        open(ctx);
        ctx.setState(`${value.scope}:${value.key}`, value.value ?? undefined);
        return;
      }
      const msg = messageOf(value);
      const receiver = open(ctx, msg);
      await receiver.receive(msg, port);
      settle();
      if (settings.tells.includes('complete')) {
        const { id, type, name } = settings;
        ctx.emit('complete', { ...msg, complete: { source: { id, type, name } } });
      }
    },
    async cleanup(ctx) {
      await open(ctx).stop?.();
      settle();
      closing.forEach((callback) => callback());
    },
  };
}
