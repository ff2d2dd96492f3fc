/** A component as it is written in the workshop: its definition, its samples and its cases. Pure. */
import { copied, parseExact } from '../api/exact';
import type { Schemas } from '../api/client.svelte';

export interface PortDoc {
  name: string;
  [field: string]: unknown;
}

export interface ComponentDoc {
  id: string;
  name: string;
  version: string;
  category?: string;
  description?: string;
  ports: { inputs: (PortDoc | string)[]; outputs: (PortDoc | string)[] };
  config?: Record<string, unknown>;
  execution: { type: string; source: string; [field: string]: unknown };
  [field: string]: unknown;
}

export type Language = 'javascript' | 'typescript';

const JAVASCRIPT = `export default {
  process(ctx, port, value) {
    ctx.emit('out', value);
  },
};
`;
const TYPESCRIPT = `const handler: symbia.Handler = {
  process(ctx, port, value) {
    ctx.emit('out', value);
  },
};
`;
export const BEGINNINGS: Record<Language, string> = { javascript: JAVASCRIPT, typescript: TYPESCRIPT };

export const BLANK: ComponentDoc = {
  id: 'custom.mine',
  name: 'Mine',
  version: '1.0.0',
  description: '',
  ports: { inputs: [{ name: 'in' }], outputs: [{ name: 'out' }] },
  execution: { type: 'javascript', entrypoint: 'handler', source: JAVASCRIPT },
};

/** What an author wrote, out of what the service shows. */
export function definitionOf(shown: Schemas['ShownComponent']): ComponentDoc {
  const { id, name, version, category, description, ports, config, execution, stateless, validate } = copied(shown);
  const { sourceHash: _, ...code } = execution as Record<string, unknown>;
  return {
    id, name, version, category, description, ports, config,
    execution: code, ...(stateless ? { stateless } : {}), ...(validate ? { validate } : {}),
  } as unknown as ComponentDoc;
}

export const namesOf = (ports: readonly (PortDoc | string)[]): string[] =>
  ports.map((port) => (typeof port === 'string' ? port : port.name));

/** Ports by their names, comma-separated; those that were there keep their schemas. */
export function portsNamed(text: string, before: readonly (PortDoc | string)[]): (PortDoc | string)[] {
  const names = [...new Set(text.split(/[\s,]+/).filter(Boolean))];
  return names.map((name) => before.find((port) => (typeof port === 'string' ? port : port.name) === name) ?? { name });
}

/** Another language: where nothing but the beginning was written, the other one's beginning. */
export function inLanguage(doc: ComponentDoc, type: Language): ComponentDoc {
  const isUntouched = Object.values(BEGINNINGS).includes(doc.execution.source);
  return { ...doc, execution: { ...doc.execution, type, source: isUntouched ? BEGINNINGS[type] : doc.execution.source } };
}

/** A patch more: 1.4.9 is followed by 1.4.10. What is no version stays. */
export function nextVersion(version: string): string {
  const found = /^(\d+\.\d+\.)(\d+)$/.exec(version);
  return found ? `${found[1]}${Number(found[2]) + 1}` : version;
}

export interface Sample {
  port: string;
  text: string;
}

/** One row of the table of cases; everything but the name is JSON text. */
export interface CaseRow {
  name: string;
  config: string;
  send: string;
  expect: string;
  error: string;
  /** What the table has no column for, kept as it came. */
  rest: Record<string, unknown>;
}

export const EMPTY_CASE: CaseRow = { name: '', config: '', send: '[{"in": 1}]', expect: '{"out": [1]}', error: '', rest: {} };

const TABLE = new Set(['name', 'config', 'send', 'expect', 'error']);
const text = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

export function rowOf(one: Record<string, unknown>): CaseRow {
  return {
    name: String(one['name'] ?? ''),
    config: text(one['config']),
    send: text(one['send']),
    expect: text(one['expect']),
    error: String(one['error'] ?? ''),
    rest: Object.fromEntries(Object.entries(one).filter(([key]) => !TABLE.has(key))),
  };
}

/** The case that a row stands for. Throws where a cell is no JSON, with the name of the cell. */
export function caseOf(row: CaseRow): Record<string, unknown> {
  const found: Record<string, unknown> = { name: row.name, ...row.rest };
  for (const key of ['config', 'send', 'expect'] as const) {
    if (!row[key].trim()) continue;
    try {
      found[key] = parseExact(row[key]);
    } catch (error) {
      throw new Error(`${key}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (row.error) found['error'] = row.error;
  return found;
}

/** The steps that samples stand for. Throws where a value is no JSON. */
export function stepsOf(samples: readonly Sample[]): Record<string, unknown>[] {
  return samples.map(({ port, text: value }) => ({ [port]: parseExact(value) }));
}

/** The rows of a file of cases, as `symbia-runtime test` takes it. Throws where it is none. */
export function rowsOfFile(content: string): CaseRow[] {
  const { cases } = parseExact(content) as { cases?: unknown };
  if (!Array.isArray(cases)) throw new Error('cases: []');
  return cases.map((each) => rowOf(Object(each) as Record<string, unknown>));
}

export const fileOf = (doc: ComponentDoc, rows: readonly CaseRow[]): string =>
  `${JSON.stringify({ component: doc, cases: rows.map(caseOf) }, null, 2)}\n`;
