import { describe, expect, it } from 'vitest';

import { EMPTY, type GraphDoc } from './document';
import { typesOf, unfit } from './fits';

const component = (input: unknown, output: unknown): never =>
  ({ ports: { inputs: [{ name: 'in', schema: input }], outputs: [{ name: 'out', schema: output }] } }) as never;
const KNOWN = { text: component({}, { type: 'string' }), sum: component({ type: 'number' }, { type: 'integer' }), source: { ports: { inputs: [], outputs: [] } } as never };
const graph: GraphDoc = { ...EMPTY, nodes: Object.keys(KNOWN).concat('odd').map((id) => ({ id, component: id })), edges: [] };
const drawn = (from: string, to: string): unknown => unfit(graph, KNOWN, { node: from, port: 'out' }, { node: to, port: 'in' });

describe('unfit', () => {
  it('names the types that do not meet', () => {
    expect(drawn('text', 'sum')).toEqual({ reason: 'types', from: 'string', to: 'number' });
  });
  it('lets types through that meet, or that nobody knows', () => {
    expect([drawn('sum', 'text'), drawn('odd', 'sum'), drawn('text', 'odd')]).toEqual([undefined, undefined, undefined]);
  });
  it('knows that nothing leads into what has no input', () => {
    expect(drawn('text', 'source')).toEqual({ reason: 'port' });
  });
});

describe('typesOf', () => {
  it('counts integers among the numbers', () => {
    expect([...(typesOf({ type: ['number', 'null'] }) ?? [])]).toEqual(['number', 'integer', 'null']);
    expect(typesOf({ type: 'integer' })?.has('number')).toBe(false);
    expect(typesOf(true)).toBeUndefined();
  });
});
