import { expect, test } from 'vitest';

import type { Schemas } from '../api/client.svelte';
import { graphOf, lineagePlaces, marksOf, momentAt } from './moment';

type HistoryRecord = Schemas['HistoryRecord'];
const record = (sequence: number, kind: HistoryRecord['kind'], more: Partial<HistoryRecord>): HistoryRecord =>
  ({ sequence, kind, timeMs: sequence, nodeId: '', port: '', edge: null, targetNodeId: '', targetPort: '', cause: 0, key: '', message: '', error: null, ...more }) as HistoryRecord;

const RECORDS = [
  record(1, 'injected', { nodeId: 'a', port: 'in', value: 1 }),
  record(2, 'invoked', { nodeId: 'a', cause: 1 }),
  record(3, 'emitted', { nodeId: 'a', port: 'out', edge: 0, targetNodeId: 'b', targetPort: 'in', cause: 1, value: 2 }),
  record(4, 'written', { nodeId: 'a', key: 'n', value: 5 }),
  record(5, 'command', { message: 'breakpoint b1 set' }),
  record(6, 'invoked', { nodeId: 'b', cause: 3 }),
  record(7, 'failed', { nodeId: 'b', cause: 3, error: { name: 'Error', message: 'no' } as never }),
];

test('a message waits from its emission until it is handed on', () => {
  expect(momentAt(RECORDS, 1).nodes.get('a')?.waiting).toBe(1);
  expect(momentAt(RECORDS, 2).nodes.get('a')).toMatchObject({ waiting: 0, calls: 1 });
  expect(momentAt(RECORDS, 3).edges.get(0)).toEqual([{ sequence: 3, value: 2 }]);
  const end = momentAt(RECORDS, 99);
  expect(end.edges.get(0)).toEqual([]);
  expect(end.nodes.get('b')).toMatchObject({ waiting: 0, calls: 1, errors: 1 });
  expect(end.nodes.get('a')?.state.get('n')).toBe(5);
  expect(end.sent.get(0)).toBe(1);
});

test('before the first record there is nothing', () => {
  expect(momentAt([], 0)).toMatchObject({ sequence: 0, record: undefined });
});

test('errors, breakpoints and writes are marked', () => {
  expect(marksOf(RECORDS).map((mark) => [mark.index, mark.kind])).toEqual([[4, 'state'], [5, 'breakpoint'], [7, 'error']]);
});

test('a graph is what its records name', () => {
  expect(graphOf(RECORDS)).toEqual({ nodes: ['a', 'b'], wires: [{ index: 0, source: 'a', sourcePort: 'out', target: 'b', targetPort: 'in' }] });
  expect(lineagePlaces(RECORDS.slice(0, 3))).toEqual({ nodes: new Set(['a', 'b']), edges: new Set([0]) });
});
