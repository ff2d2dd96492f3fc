/** What can be written after `ctx`: its functions, the ports, the keys of the configuration. Pure. */
export interface Choice {
  label: string;
  type: 'function' | 'property' | 'constant';
  detail: string;
  apply?: string;
}

export interface Known {
  outputs: readonly string[];
  inputs: readonly string[];
  config: readonly string[];
}

const MEMBERS: Choice[] = [
  { label: 'emit', type: 'function', detail: '(port, value)' },
  { label: 'emitBatch', type: 'function', detail: '(port, values)' },
  { label: 'getState', type: 'function', detail: '(key)' },
  { label: 'setState', type: 'function', detail: '(key, value)' },
  { label: 'log', type: 'function', detail: '(level, message, meta?)' },
  { label: 'config', type: 'property', detail: 'the node’s configuration' },
  { label: 'executionId', type: 'property', detail: 'string' },
  { label: 'nodeId', type: 'property', detail: 'string' },
  { label: 'instanceId', type: 'property', detail: 'string' },
];
const LIFE: Choice[] = [
  { label: 'initialize', type: 'function', detail: '(ctx) – once, first' },
  { label: 'process', type: 'function', detail: '(ctx, port, value) – each message' },
  { label: 'flush', type: 'function', detail: '(ctx) – the last word' },
  { label: 'cleanup', type: 'function', detail: '(ctx) – once, at the end' },
];
const LEVELS = ['debug', 'info', 'warn', 'error'];

export interface Offer {
  /** Where in the line what is completed begins. */
  from: number;
  choices: Choice[];
}

const names = (labels: readonly string[], detail: string): Choice[] =>
  labels.map((label) => ({ label, type: 'constant', detail }));

/** What to offer behind `before`, the line up to the cursor; nothing where there is nothing of ours. */
export function offered(before: string, known: Known): Offer | undefined {
  const end = before.length;
  const found = (pattern: RegExp, choices: readonly Choice[]): Offer | undefined => {
    const match = pattern.exec(before);
    return match ? { from: end - (match[1] ?? '').length, choices: [...choices] } : undefined;
  };
  return (
    found(/\bctx\.(?:emit|emitBatch)\(\s*['"`]([\w-]*)$/, names(known.outputs, 'output port')) ??
    found(/\bctx\.log\(\s*['"`](\w*)$/, names(LEVELS, 'level')) ??
    found(/\bport\s*={2,3}\s*['"`]([\w-]*)$/, names(known.inputs, 'input port')) ??
    found(/\bctx\.config\.(\w*)$/, names(known.config, 'configuration').map((each) => ({ ...each, type: 'property' }))) ??
    found(/\bctx\.(\w*)$/, MEMBERS) ??
    found(/^\s+(?:async )?([a-z]\w*)$/, LIFE)
  );
}
