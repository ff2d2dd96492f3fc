/** One moment of a recording, out of its records: what waits, what each node has done, what it keeps. Pure. */
import type { Schemas } from '../api/client.svelte';
import type { Wire } from './layout';

/** A record with all its fields: what was left away on the wire is what it is then. */
type HistoryRecord = Schemas['HistoryRecord'];
type Whole = HistoryRecord & { nodeId: string; port: string; targetNodeId: string; targetPort: string; key: string; message: string; cause: number };

const whole = (record: HistoryRecord): Whole => ({ ...EMPTY, ...record });
const EMPTY = { nodeId: '', port: '', targetNodeId: '', targetPort: '', key: '', message: '', cause: 0 };

export interface Waiting {
  sequence: number;
  value: unknown;
}

export interface Moment {
  sequence: number;
  timeMs: number;
  /** By the index of the edge, what has been emitted and not been handed on. */
  edges: Map<number, Waiting[]>;
  sent: Map<number, number>;
  nodes: Map<string, { calls: number; errors: number; waiting: number; state: Map<string, unknown> }>;
  record: HistoryRecord | undefined;
}

export type MarkKind = 'error' | 'breakpoint' | 'reload' | 'state' | 'command';
export interface Mark {
  index: number;
  kind: MarkKind;
  words: string;
}

/** The moment after the first `count` records. */
export function momentAt(records: readonly HistoryRecord[], count: number): Moment {
  const edges = new Map<number, Waiting[]>();
  const sent = new Map<number, number>();
  const nodes: Moment['nodes'] = new Map();
  const places = new Map<number, { edge: number | null; node: string }>();
  const node = (id: string): { calls: number; errors: number; waiting: number; state: Map<string, unknown> } => {
    const found = nodes.get(id) ?? { calls: 0, errors: 0, waiting: 0, state: new Map<string, unknown>() };
    nodes.set(id, found);
    return found;
  };
  for (const record of records.slice(0, count).map(whole)) {
    if (record.kind === 'injected') {
      places.set(record.sequence, { edge: null, node: record.nodeId });
      node(record.nodeId).waiting += 1;
    } else if (record.kind === 'emitted') {
      const edge = record.edge;
      if (edge === null || edge === undefined) continue;
      sent.set(edge, (sent.get(edge) ?? 0) + 1);
      const queue = edges.get(edge) ?? [];
      queue.push({ sequence: record.sequence, value: record.value });
      edges.set(edge, queue);
      places.set(record.sequence, { edge, node: record.targetNodeId });
      node(record.targetNodeId).waiting += 1;
    } else if (record.kind === 'invoked') {
      node(record.nodeId).calls += 1;
      const place = places.get(record.cause);
      if (!place) continue;
      places.delete(record.cause);
      node(place.node).waiting -= 1;
      const queue = place.edge === null ? [] : (edges.get(place.edge) ?? []);
      const position = queue.findIndex((each) => each.sequence === record.cause); // the first one, nearly always
      if (position >= 0) queue.splice(position, 1);
    } else if (record.kind === 'failed') node(record.nodeId).errors += 1;
    else if (record.kind === 'written') node(record.nodeId).state.set(record.key, record.value);
  }
  const record = records[count - 1];
  return { sequence: record?.sequence ?? 0, timeMs: record?.timeMs ?? 0, edges, sent, nodes, record };
}

/** The places of a recording that somebody looks for. */
export function marksOf(records: readonly HistoryRecord[]): Mark[] {
  return records.map(whole).flatMap((record, index): Mark[] => {
    const words = record.message || record.key || record.nodeId;
    if (record.kind === 'failed') return [{ index: index + 1, kind: 'error', words: `${record.nodeId}: ${String(record.error?.['message'] ?? words)}` }];
    if (record.kind === 'written') return [{ index: index + 1, kind: 'state', words: `${record.nodeId}.${record.key}` }];
    if (record.kind !== 'command') return [];
    const kind = /breakpoint/.test(words) ? 'breakpoint' : /reload|rollback/.test(words) ? 'reload' : 'command';
    return [{ index: index + 1, kind, words }];
  });
}

/** The nodes and edges that records name, for a recording whose graph is not here. */
export function graphOf(records: readonly HistoryRecord[]): { nodes: string[]; wires: Wire[] } {
  const nodes = new Set<string>();
  const wires = new Map<number, Wire>();
  for (const record of records.map(whole)) {
    if (record.nodeId) nodes.add(record.nodeId);
    if (record.kind !== 'emitted' || record.edge === null || record.edge === undefined) continue;
    nodes.add(record.targetNodeId);
    wires.set(record.edge, { index: record.edge, source: record.nodeId, sourcePort: record.port, target: record.targetNodeId, targetPort: record.targetPort });
  }
  return { nodes: [...nodes], wires: [...wires.values()].sort((one, other) => one.index - other.index) };
}

/** The nodes and edges that a message and what it came of went through, and what came of it. */
export function lineagePlaces(records: readonly HistoryRecord[]): { nodes: Set<string>; edges: Set<number> } {
  const nodes = new Set<string>();
  const edges = new Set<number>();
  for (const record of records) {
    if (record.nodeId) nodes.add(record.nodeId);
    if (record.targetNodeId) nodes.add(record.targetNodeId);
    if (record.edge !== null && record.edge !== undefined) edges.add(record.edge);
  }
  return { nodes, edges };
}
