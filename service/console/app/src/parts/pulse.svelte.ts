/** What the cards and wires of a canvas show of this moment. One object for all of them, replaced at each update. */
import { getContext, setContext } from 'svelte';

import type { Schemas } from '../api/client.svelte';

export interface Pulse {
  nodes: Record<string, Schemas['NodeStatistics']>;
  edges: Record<number, Schemas['EdgeStatistics']>;
  /** Messages a second along each edge, since the update before. */
  rates: Record<number, number>;
  bottleneck: string;
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
