// Between CSV text and objects.
const isNumber = /^[-]?(?!E)(?!0\d)\d*\.?\d*(E-?\+?)?\d+$/i;
const lineEnds = (text) => text.replace(/\\n/g, '\n').replace(/\\r/g, '\r').replace(/\\t/g, '\t');

// The rows of a text: quotes hold separators and line ends, two of them are one.
function rowsOf(text, separator) {
  const rows = [];
  let row = [];
  let cell = '';
  let isQuoted = false;
  let wasQuoted = false;
  const endCell = () => { row.push({ text: cell, isNull: cell === '' && !wasQuoted }); cell = ''; wasQuoted = false; };
  const endRow = () => { if (row.length || cell || wasQuoted) { endCell(); rows.push(row); } row = []; };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '"') {
      if (isQuoted && text[at + 1] === '"') { cell += '"'; at += 1; } else isQuoted = !isQuoted;
      wasQuoted = true;
    } else if (isQuoted) cell += letter;
    else if (letter === separator) endCell();
    else if (letter === '\n' || letter === '\r') endRow();
    else cell += letter;
  }
  if (isQuoted) node.warn('Malformed CSV data: a quote is not closed');
  endRow();
  return rows;
}

const handler = nodeRed((red) => {
  const separator = lineEnds(red.sep || ',');
  const columnsOf = (text) => (text.trim() === '' ? [] : rowsOf(text.trim(), ',')[0].map((cell) => cell.text.trim()));
  const quoted = (value, isTight) => {
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (text.includes('"')) return `"${text.replace(/"/g, '""')}"`;
    return text.includes(separator) || text.includes('\n') ? `"${text}"` : text;
  };
  const columnText = (columns) => columns.map((name) => (name.includes(',') ? `"${name}"` : name)).join(',');

  function toText(msg) {
    const rows = Array.isArray(msg.payload) ? msg.payload : [msg.payload];
    const isFlat = rows.length > 0 && rows.every((row) => typeof row !== 'object' || row === null);
    const lines = [];
    const given = columnsOf(red.temp ?? '');
    let columns = given.length ? given : columnsOf(msg.columns ?? '');
    const header = { true: 'all', false: 'none' }[red.hdrout] ?? red.hdrout ?? 'none';
    if (Object.hasOwn(msg, 'reset')) here.ctx.setState('isHeaderSent', undefined);
    if (header !== 'none' && !here.ctx.getState('isHeaderSent')) {
      if (!columns.length) columns = Object.keys(rows[0] ?? {});
      lines.push(columns.map((name) => (name.includes(separator) ? `"${name}"` : name)).join(separator));
      if (header === 'once') here.ctx.setState('isHeaderSent', true);
    }
    (isFlat ? [rows] : rows).forEach((row) => {
      let cells;
      if (Array.isArray(row)) cells = row.map((cell) => cell ?? '');
      else if (columns.length) cells = columns.map((name) => (name === '' ? '' : row[name] ?? ''));
      else cells = Object.keys(rows[0]).filter((name) => typeof row[name] !== 'object').map((name) => row[name] ?? '');
      lines.push(cells.map((cell) => quoted(cell)).join(separator));
    });
    const end = lineEnds(red.ret || '\\n');
    msg.payload = lines.join(end) + end;
    msg.columns = columnText(columns);
    if (msg.payload !== '') sendAll(msg);
  }

  function toObjects(msg) {
    const skipped = Number(red.skip || 0);
    const rows = rowsOf(msg.payload.split('\n').slice(skipped).join('\n'), separator);
    let columns = columnsOf(red.temp ?? '');
    const isNamed = red.hdrin === true || columns.length > 0;
    const isFirst = !(msg.parts?.index > skipped);
    if (red.hdrin === true) {
      if (isFirst) here.ctx.setState('columns', (rows.shift() ?? []).map((cell) => cell.text.trim()));
      columns = here.ctx.getState('columns') ?? [];
    }
    const objects = rows.map((row) => objectOf(row, columns, isNamed)).filter((each) => Object.keys(each).length);
    if (!isNamed) {
      const widest = rows.reduce((most, row) => Math.max(most, row.length), 0);
      columns = Array.from({ length: widest }, (_, i) => `col${i + 1}`);
    }
    msg.columns = columnText(columns.filter((name) => name));
    if (red.multi === 'mult') many(msg, objects);
    else one(msg, objects, skipped);
  }

  function many(msg, objects) {
    if (msg.parts === undefined) { sendAll({ ...msg, payload: objects }); return; }
    const store = [...here.ctx.getState('store') ?? [], ...objects];
    const isLast = msg.parts.index + 1 === msg.parts.count;
    here.ctx.setState('store', isLast ? [] : store);
    if (!isLast) return;
    const { parts, ...rest } = msg;
    sendAll({ ...rest, payload: store });
  }

  function one(msg, objects, skipped) {
    const isLast = msg.parts !== undefined && msg.parts.index + 1 >= msg.parts.count;
    objects.forEach((payload, index) => {
      const each = { ...clone(msg), payload };
      if (msg.parts === undefined) each.parts = { id: msg._msgid, index, count: objects.length };
      else {
        const shift = skipped + (red.hdrin === true ? 1 : 0);
        each.parts.index -= shift;
        if (each.parts.count !== undefined) each.parts.count -= shift;
      }
      if (isLast) each.complete = true;
      sendAll(each);
    });
    if (isLast && objects.length === 0) sendAll({ complete: true });
  }

  function objectOf(row, columns, isNamed) {
    const made = {};
    row.forEach((cell, i) => {
      const name = isNamed ? columns[i] : `col${i + 1}`;
      if (!name) return;
      if (cell.isNull) { if (red.include_null_values) made[name] = null; return; }
      if (cell.text === '') { if (red.include_empty_strings) made[name] = ''; return; }
      const isParsed = red.strings !== false && isNumber.test(cell.text.trim());
      made[name] = isParsed ? parseFloat(cell.text.trim()) : cell.text;
    });
    return made;
  }

  return {
    receive(msg) {
      if (!Object.hasOwn(msg, 'payload')) { if (!Object.hasOwn(msg, 'reset')) sendAll(msg); return; }
      if (typeof msg.payload === 'object' && msg.payload !== null) toText(msg);
      else if (typeof msg.payload === 'string') toObjects(msg);
      else node.warn('This node only handles CSV text and objects');
    },
  };
});
