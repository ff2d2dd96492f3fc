// Mustache: {{name}}, {{{name}}}, {{&name}}, {{#section}}, {{^inverted}}, {{!comment}}, {{.}}; no partials.
const htmlOf = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '/': '&#x2F;', '`': '&#x60;', '=': '&#x3D;' };
const inJson = { '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r', '\f': '\\f', '\b': '\\b' };

function mustache(template, msg, escapes) {
  return rendered(partsOf(String(template)), [msg], escapes);
}

function partsOf(template) {
  const tag = /\{\{(\{[\s\S]*?\}\}\}|[\s\S]*?\}\})/g;
  const root = { parts: [] };
  const open = [root];
  let last = 0;
  for (let match = tag.exec(template); match; match = tag.exec(template)) {
    let text = template.slice(last, match.index);
    last = tag.lastIndex;
    const isTriple = match[1].startsWith('{');
    const inside = (isTriple ? match[1].slice(1, -3) : match[1].slice(0, -2)).trim();
    const kind = isTriple ? '&' : '#^/!&>='.includes(inside[0]) ? inside[0] : '';
    const name = (isTriple || !kind ? inside : inside.slice(1)).trim();
    // A section, or a comment, that has a line of its own takes the line with it.
    if ('#^/!'.includes(kind) && kind) {
      const before = /(^|\n)[ \t]*$/.exec(text);
      const after = /^[ \t]*(\r?\n|$)/.exec(template.slice(last));
      const startsLine = before && (before[1] || match.index - text.length === 0 || template[match.index - text.length - 1] === '\n');
      if (startsLine && after) {
        text = text.replace(/[ \t]*$/, '');
        last += after[0].length;
        tag.lastIndex = last;
      }
    }
    const into = open[open.length - 1];
    if (text) into.parts.push(text);
    if (kind === '#' || kind === '^') {
      const section = { kind, name, parts: [] };
      into.parts.push(section);
      open.push(section);
    } else if (kind === '/') {
      if (open.length === 1 || open.pop().name !== name) throw new Error(`Unopened section "${name}"`);
    } else if (kind === '>' || kind === '=') {
      throw new Error(`The tag {{${inside}}} is to be written by hand`);
    } else if (kind !== '!') {
      into.parts.push({ kind, name });
    }
  }
  if (open.length > 1) throw new Error(`Unclosed section "${open.pop().name}"`);
  root.parts.push(template.slice(last));
  return root.parts;
}

function lookUp(name, views) {
  if (name === '.') return views[views.length - 1];
  const keys = name.split('.');
  for (let i = views.length - 1; i >= 0; i -= 1) {
    const view = views[i];
    if (typeof view === 'object' && view !== null && Object.hasOwn(view, keys[0])) {
      return keys.reduce((inner, key) => (inner === undefined || inner === null ? undefined : inner[key]), view);
    }
  }
  const outside = /^(flow|global)(?:\[\w+\])?\.(.+)$/.exec(name);
  if (outside) return contexts[outside[1]].get(outside[2]);
  return name.startsWith('env.') ? environment(name.slice(4)) : undefined;
}

function rendered(parts, views, escapes) {
  return parts.map((part) => {
    if (typeof part === 'string') return part;
    let value = lookUp(part.name, views);
    if (part.kind === '#' || part.kind === '^') {
      const isEmpty = !value || (Array.isArray(value) && value.length === 0);
      if (part.kind === '^') return isEmpty ? rendered(part.parts, views, escapes) : '';
      if (isEmpty) return '';
      const each = Array.isArray(value) ? value : [value];
      return each.map((view) => rendered(part.parts, [...views, view], escapes)).join('');
    }
    if (value === undefined || value === null) return '';
    if (escapes && typeof value === 'string') value = value.replace(/[\\\n\t\r\f\b]/g, (letter) => inJson[letter]);
    const text = String(value);
    return part.kind === '&' || escapes ? text : text.replace(/[&<>"'`=/]/g, (letter) => htmlOf[letter]);
  }).join('');
}
