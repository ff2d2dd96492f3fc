// What expressions call that were written in JSONata. Nothing is `undefined`; a list of one item is that item.
const J = (() => {
  const isObject = (value) => typeof value === 'object' && value !== null;
  const unwrapped = (list) => (list.length === 0 ? undefined : list.length === 1 ? list[0] : list);
  const listOf = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
  const flat = (values) => values.flatMap((value) => (value === undefined ? [] : value));
  const step = (value, name) => {
    if (Array.isArray(value)) return unwrapped(flat(value.map((each) => step(each, name))));
    return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  };
  const boolean = (value) => {
    if (Array.isArray(value)) return value.some(boolean);
    if (isObject(value)) return Object.keys(value).length > 0;
    return typeof value === 'function' ? false : Boolean(value);
  };
  const string = (value) => {
    if (value === undefined) return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(Number(value.toPrecision(15)));
    return JSON.stringify(value);
  };
  const numeric = (name, value) => {
    if (typeof value !== 'number') throw new TypeError(`${name} takes numbers, not ${JSON.stringify(value)}`);
    return value;
  };
  const arithmetic = {
    '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b,
  };
  const comparison = { '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b };
  const op = (mark, a, b) => {
    if (mark === '&') return (string(a) ?? '') + (string(b) ?? '');
    if (mark === '=') return a !== undefined && b !== undefined && alike(a, b);
    if (mark === '!=') return a !== undefined && b !== undefined && !alike(a, b);
    if (mark === 'in') return a !== undefined && listOf(b).includes(a);
    if (mark in arithmetic) {
      if (a !== undefined) numeric(mark, a);
      if (b !== undefined) numeric(mark, b);
      return a === undefined || b === undefined ? undefined : arithmetic[mark](a, b);
    }
    if (a === undefined || b === undefined) return undefined;
    if (typeof a !== typeof b || !['number', 'string'].includes(typeof a)) {
      throw new TypeError(`${mark} compares two numbers or two strings`);
    }
    return comparison[mark](a, b);
  };
  const numbers = (name, list) => listOf(list).map((each) => numeric(name, each));
  const text = (f) => (value, ...more) => (value === undefined ? undefined : f(String(value), ...more));
  const half = (value, digits) => { // to the even neighbour, as JSONata does
    const scaled = Number(`${value}e${digits}`);
    const near = Math.round(scaled);
    const rounded = Math.abs(scaled - Math.trunc(scaled)) === 0.5 && near % 2 !== 0 ? near - 1 : near;
    return Number(`${rounded}e${-digits}`);
  };
  const some = (f) => (value) => (value === undefined ? undefined : f(value));
  return {
    step, boolean, string, op,
    items: listOf,
    range: (from, to) => Array.from({ length: Math.min(Math.max(0, to - from + 1), 10000) }, (_, i) => from + i),
    each: (value, f) => (value === undefined ? undefined
      : Array.isArray(value) ? unwrapped(flat(value.map((item) => f(item)))) : f(value)),
    pick: (value, f) => {
      const list = listOf(value);
      return unwrapped(list.filter((item, i) => {
        const result = f(item);
        return typeof result === 'number' ? (result < 0 ? list.length + Math.floor(result) : Math.floor(result)) === i
          : boolean(result);
      }));
    },
    object: (fields) => Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
    number: some((value) => {
      const number = typeof value === 'string' && value.trim() === '' ? NaN : Number(value);
      if (Number.isNaN(number)) throw new TypeError(`${JSON.stringify(value)} is no number`);
      return number;
    }),
    not: (value) => !boolean(value),
    exists: (value) => value !== undefined,
    length: text((value) => [...value].length),
    uppercase: text((value) => value.toUpperCase()),
    lowercase: text((value) => value.toLowerCase()),
    trim: text((value) => value.replace(/\s+/g, ' ').trim()),
    substring: text((value, start, length) => {
      const letters = [...value];
      const from = start < 0 ? Math.max(0, letters.length + start) : start;
      return letters.slice(from, length === undefined ? undefined : from + Math.max(0, length)).join('');
    }),
    substringBefore: text((value, mark) => (value.includes(mark) ? value.slice(0, value.indexOf(mark)) : value)),
    substringAfter: text((value, mark) => (value.includes(mark) ? value.slice(value.indexOf(mark) + mark.length) : value)),
    contains: text((value, part) => value.includes(part)),
    split: text((value, mark, limit) => value.split(mark).slice(0, limit)),
    join: (list, mark = '') => (list === undefined ? undefined : listOf(list).join(mark)),
    replace: text((value, part, by, limit = Infinity) => {
      const pieces = value.split(part);
      const count = Math.min(limit, pieces.length - 1);
      return pieces.slice(0, count + 1).join(by) + pieces.slice(count + 1).map((piece) => part + piece).join('');
    }),
    pad: text((value, width, fill = ' ') => (width < 0 ? value.padStart(-width, fill) : value.padEnd(width, fill))),
    sum: some((list) => numbers('$sum', list).reduce((total, each) => total + each, 0)),
    count: (list) => listOf(list).length,
    max: some((list) => (listOf(list).length ? Math.max(...numbers('$max', list)) : undefined)),
    min: some((list) => (listOf(list).length ? Math.min(...numbers('$min', list)) : undefined)),
    average: some((list) => {
      const all = numbers('$average', list);
      return all.length ? all.reduce((total, each) => total + each, 0) / all.length : undefined;
    }),
    round: (value, digits = 0) => (value === undefined ? undefined : half(value, digits)),
    floor: some(Math.floor),
    ceil: some(Math.ceil),
    abs: some(Math.abs),
    sqrt: some(Math.sqrt),
    power: (base, exponent) => (base === undefined ? undefined : base ** exponent),
    random: () => Math.random(),
    formatBase: (value, base = 10) => (value === undefined ? undefined : Math.round(value).toString(base)),
    now: () => new Date().toISOString(),
    millis: () => Date.now(),
    fromMillis: some((value) => new Date(value).toISOString()),
    toMillis: some((value) => new Date(value).getTime()),
    merge: (list) => Object.assign({}, ...listOf(list)),
    append: (a, b) => (b === undefined ? a : a === undefined ? b : [...listOf(a), ...listOf(b)]),
    keys: (value) => unwrapped([...new Set(listOf(value).filter(isObject).flatMap(Object.keys))]),
    lookup: step,
    map: (list, f) => unwrapped(flat(listOf(list).map((item, i, all) => f(item, i, all)))),
    filter: (list, f) => unwrapped(listOf(list).filter((item, i, all) => boolean(f(item, i, all)))),
    reduce: (list, f, first) => (first === undefined ? listOf(list).reduce((a, b) => f(a, b))
      : listOf(list).reduce((a, b) => f(a, b), first)),
    sort: (list, f) => (list === undefined ? undefined : [...listOf(list)].sort((a, b) => (
      f ? (boolean(f(a, b)) ? 1 : -1) : a > b ? 1 : a < b ? -1 : 0
    ))),
    reverse: some((list) => [...listOf(list)].reverse()),
    distinct: some((list) => listOf(list).filter((item, i, all) => all.findIndex((each) => alike(each, item)) === i)),
    type: (value) => (value === undefined ? undefined : value === null ? 'null'
      : Array.isArray(value) ? 'array' : typeof value),
    flowContext: (key) => contexts.flow.get(key),
    globalContext: (key) => contexts.global.get(key),
    env: (name) => environment(name),
  };
})();
