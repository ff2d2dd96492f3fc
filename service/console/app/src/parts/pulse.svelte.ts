/** What the cards and wires of a canvas show of this moment. One object for all of them, replaced at each update. */
import { getContext, setContext } from 'svelte';

import type { Schemas } from '../api/client.svelte';
import type { Moment } from '../graph/moment';

export interface Pulse {
  nodes: Record<string, Schemas['NodeStatistics']>;
  edges: Record<number, Schemas['EdgeStatistics']>;
  /** Messages a second along each edge, since the update before. */
  rates: Record<number, number>;
  bottleneck: string;
  /** Edges that somebody holds, and places of breakpoints: a sign for each, by node id and by the index of the edge. */
  signs?: { nodes: Record<string, string>; edges: Record<number, string> };
  /** It is a moment of a recording: nodes tell how often they were called, edges what waits. */
  isPast?: boolean;
  values?: Record<number, string>;
  /** The way of one message: all else steps back. */
  lit?: { nodes: Set<string>; edges: Set<number> } | undefined;
}

const KEY = Symbol('pulse');
export const STILL: Pulse = { nodes: {}, edges: {}, rates: {}, bottleneck: '' };

export const provide = (read: () => Pulse): void => void setContext(KEY, read);
export const pulse = (): (() => Pulse) => getContext<(() => Pulse) | undefined>(KEY) ?? (() => STILL);

/** Turn statistics into what is shown; `before` are those of the last update, and when they came. */
export function pulseOf(
  now: Schemas['ExecutionStatistics'],
  before: { statistics: Schemas['ExecutionStatistics']; ms: number } | undefined,
  nowMs: number,
): Pulse {
  const rates: Record<number, number> = {};
  const seconds = before ? (nowMs - before.ms) / 1000 : 0;
  for (const edge of now.edges) {
    const sent = before?.statistics.edges[edge.index]?.sent ?? edge.sent;
    rates[edge.index] = seconds > 0 ? Math.max(0, (edge.sent - sent) / seconds) : 0;
  }
  return {
    nodes: Object.fromEntries(now.nodes.map((node) => [node.nodeId, node])),
    edges: Object.fromEntries(now.edges.map((edge) => [edge.index, edge])),
    rates,
    bottleneck: now.bottleneck?.nodeId ?? '',
  };
}

const NOTHING = { busySeconds: 0, busyShare: 0, throughputPerSecond: 0, p50LatencyMs: 0, p95LatencyMs: 0, p99LatencyMs: 0, queuedBytes: 0, peakMessages: 0, capacity: 0, blockedSenders: 0, heldMessages: 0 };
const SHOWN_CHARACTERS = 28;

/** Turn a moment of a recording into what is shown. */
export function pulseOfMoment(moment: Moment): Pulse {
  const edges: Pulse['edges'] = {};
  const values: Record<number, string> = {};
  for (const [index, sent] of moment.sent) {
    const waiting = moment.edges.get(index) ?? [];
    edges[index] = { index, source: '', target: '', sent, queued: waiting.length, peak: 0, dropped: 0, blockedSeconds: 0, heldSeconds: 0, expired: 0, deadLettered: 0 };
    const first = waiting[0];
    if (first) {
      const text = JSON.stringify(first.value) ?? '…';
      values[index] = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    }
  }
  const nodes = Object.fromEntries(
    [...moment.nodes].map(([nodeId, node]) => [nodeId, { ...NOTHING, nodeId, invocations: node.calls, errorCount: node.errors, queuedMessages: node.waiting }]),
  );
  return { nodes, edges, rates: {}, bottleneck: '', isPast: true, values };
}
