/** Places for the nodes of a graph: left to right along its edges, the same for the same graph. Pure. */
import { Graph, layout } from '@dagrejs/dagre';

export interface Wire {
  index: number;
  source: string;
  sourcePort: string;
  target: string;
  targetPort: string;
  /** Against another version. */
  change?: 'added' | 'removed' | 'changed' | undefined;
}

export interface Point {
  x: number;
  y: number;
}

export const NODE_WIDTH = 208;
export const NODE_HEIGHT = 84;

/** Return the upper left corner of each node, by its id. */
export function placed(nodes: readonly string[], wires: readonly Wire[]): Map<string, Point> {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 120, marginx: 24, marginy: 24 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const id of nodes) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const wire of wires) graph.setEdge(wire.source, wire.target, {}, String(wire.index));
  layout(graph);
  const corners = new Map<string, Point>();
  for (const id of nodes) {
    const { x = 0, y = 0 } = graph.node(id) as Partial<Point>;
    corners.set(id, { x: Math.round(x - NODE_WIDTH / 2), y: Math.round(y - NODE_HEIGHT / 2) });
  }
  return corners;
}

/** `node:port` taken apart; the port is what comes after the last colon. */
export function ends(text: string): [node: string, port: string] {
  const at = text.lastIndexOf(':');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
