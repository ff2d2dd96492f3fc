/** The differences of two versions of a graph, by node and by edge. Pure. */
import type { EdgeDoc, GraphDoc, NodeDoc } from './document';

export type Change = 'added' | 'removed' | 'changed';

export interface Difference {
  nodes: Record<string, Change>;
  /** By `source:port→target:port`. */
  edges: Record<string, Change>;
  /** The keys of each changed node that differ. */
  keys: Record<string, string[]>;
}

export const edgeKey = ({ source, target }: Pick<EdgeDoc, 'source' | 'target'>): string =>
  `${source.node}:${source.port}→${target.node}:${target.port}`;

/** JSON whose keys are in order: two texts of equal values are equal. */
function text(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${text(each)}`).join(',')}}`;
}

function compared<T>(before: Map<string, T>, after: Map<string, T>, differs: (one: T, other: T, key: string) => boolean): Record<string, Change> {
  const found: Record<string, Change> = {};
  for (const [key, one] of before) {
    const other = after.get(key);
    if (other === undefined) found[key] = 'removed';
    else if (differs(one, other, key)) found[key] = 'changed';
  }
  for (const key of after.keys()) if (!before.has(key)) found[key] = 'added';
  return found;
}

/** What has changed from one document to another. A node that only lies elsewhere is the same. */
export function difference(before: GraphDoc, after: GraphDoc): Difference {
  const keys: Record<string, string[]> = {};
  const byId = (document: GraphDoc): Map<string, NodeDoc> => new Map(document.nodes.map((node) => [node.id, node]));
  const nodes = compared(byId(before), byId(after), (one, other, id) => {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    names.delete('position');
    const changed = [...names].filter((name) => text(one[name]) !== text(other[name]));
    if (changed.length) keys[id] = changed;
    return changed.length > 0;
  });
  const byEnds = (document: GraphDoc): Map<string, EdgeDoc> => new Map(document.edges.map((edge) => [edgeKey(edge), edge]));
  return { nodes, edges: compared(byEnds(before), byEnds(after), (one, other) => text(one) !== text(other)), keys };
}

/** Both in one document: what is gone stands beside what is there. */
export function both(before: GraphDoc, after: GraphDoc): GraphDoc {
  const { nodes, edges } = difference(before, after);
  return {
    ...after,
    nodes: [...after.nodes, ...before.nodes.filter((node) => nodes[node.id] === 'removed')],
    edges: [...after.edges, ...before.edges.filter((edge) => edges[edgeKey(edge)] === 'removed')],
  };
}
