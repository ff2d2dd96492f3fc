/** The figures of the last minutes, one sample a second, for plots. */
import type { Schemas } from '../api/client.svelte';

const KEPT = 300;

type Kind = 'rate' | 'waiting' | 'p95';

interface Sample {
  seconds: number;
  nodes: Map<string, Record<Kind, number>>;
  whole: Record<Kind, number>;
}

export class Trail {
  #samples: Sample[] = [];
  #sent = -1;

  /** Note statistics; those within a second of the last sample are left out. */
  note(statistics: Schemas['ExecutionStatistics'], ms: number): void {
    const last = this.#samples.at(-1);
    if (last && ms / 1000 - last.seconds < 1) return;
    const sent = statistics.edges.reduce((sum, edge) => sum + edge.sent, 0);
    const seconds = last ? ms / 1000 - last.seconds : 0;
    const rate = this.#sent >= 0 && seconds > 0 ? Math.max(0, (sent - this.#sent) / seconds) : 0;
    this.#sent = sent;
    this.#samples.push({
      seconds: ms / 1000,
      whole: { rate, waiting: statistics.nodes.reduce((sum, node) => sum + node.queuedMessages, 0), p95: 0 },
      nodes: new Map(statistics.nodes.map((node) => [node.nodeId, { rate: node.throughputPerSecond, waiting: node.queuedMessages, p95: node.p95LatencyMs }])),
    });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** A function that tells the times and values of one kind, of a node or of all. */
  of(nodeId: string, kind: Kind): () => number[][] {
    return () => [
      this.#samples.map((sample) => sample.seconds),
      this.#samples.map((sample) => (nodeId ? (sample.nodes.get(nodeId)?.[kind] ?? 0) : sample.whole[kind])),
    ];
  }
}
