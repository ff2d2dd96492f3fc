/** A graph's document as it is edited: every change makes a new document. Pure. */
import { copied } from '../api/exact';

export interface End {
  node: string;
  port: string;
}

export interface EdgeDoc {
  source: End;
  target: End;
  [field: string]: unknown;
}

export interface NodeDoc {
  id: string;
  component?: string;
  name?: string;
  config?: Record<string, unknown>;
  position?: { x?: number; y?: number };
  [field: string]: unknown;
}

export interface GraphDoc {
  symbia: string;
  name: string;
  version?: string;
  description?: string;
  nodes: NodeDoc[];
  edges: EdgeDoc[];
  [field: string]: unknown;
}

export const EMPTY: GraphDoc = { symbia: '1.0', name: 'New graph', version: '1.0.0', nodes: [], edges: [] };

/** A document out of what the service shows, without what it adds by itself and what stands for nothing. */
export function written(shown: Record<string, unknown>): GraphDoc {
  const added = new Set(['id', 'topology', 'loadedAt', 'versionNumber', 'orgId', 'nodeCount', 'edgeCount', 'madeAt', 'madeBy', 'warnings', 'hash', 'sha256']);
  const isNothing = (value: unknown): boolean =>
    value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
  const kept = Object.entries(shown).filter(([key, value]) => !added.has(key) && (!isNothing(value) || key === 'nodes' || key === 'edges'));
  return Object.fromEntries(kept) as unknown as GraphDoc;
}

/** An id for a new node: the component's last word, with a number where it is taken. */
export function freshId(document: GraphDoc, component: string): string {
  const word = component.replace(/^graph:/, '').replace(/@.*$/, '').split('.').pop() || 'node';
  const taken = new Set(document.nodes.map((node) => node.id));
  if (!taken.has(word)) return word;
  for (let number = 2; ; number += 1) if (!taken.has(`${word}-${number}`)) return `${word}-${number}`;
}

export function withNode(document: GraphDoc, node: NodeDoc): GraphDoc {
  return { ...document, nodes: [...document.nodes, node] };
}

/** Without some nodes and edges, and without the edges of those nodes. */
export function without(document: GraphDoc, nodes: ReadonlySet<string>, edges: ReadonlySet<number>): GraphDoc {
  return {
    ...document,
    nodes: document.nodes.filter((node) => !nodes.has(node.id)),
    edges: document.edges.filter(
      (edge, index) => !edges.has(index) && !nodes.has(edge.source.node) && !nodes.has(edge.target.node),
    ),
  };
}

export function withEdge(document: GraphDoc, source: End, target: End): GraphDoc {
  return { ...document, edges: [...document.edges, { source, target }] };
}

export function withNodeChanged(document: GraphDoc, id: string, change: Partial<NodeDoc>): GraphDoc {
  return { ...document, nodes: document.nodes.map((node) => (node.id === id ? { ...node, ...change } : node)) };
}

/** One key of a node's configuration set, or taken away where the value is `undefined`. */
export function withConfig(document: GraphDoc, id: string, key: string, value: unknown): GraphDoc {
  const node = document.nodes.find((each) => each.id === id);
  if (!node) return document;
  const { [key]: _, ...others } = node.config ?? {};
  return withNodeChanged(document, id, { config: value === undefined ? others : { ...others, [key]: value } });
}

/** Another id for a node, in its edges as well; the same document where the id is empty or taken. */
export function renamed(document: GraphDoc, from: string, to: string): GraphDoc {
  if (!to || from === to || document.nodes.some((node) => node.id === to)) return document;
  const end = (each: End): End => (each.node === from ? { ...each, node: to } : each);
  return {
    ...document,
    nodes: document.nodes.map((node) => (node.id === from ? { ...node, id: to } : node)),
    edges: document.edges.map((edge) => ({ ...edge, source: end(edge.source), target: end(edge.target) })),
  };
}

export function placedAt(document: GraphDoc, places: ReadonlyMap<string, { x: number; y: number }>): GraphDoc {
  return {
    ...document,
    nodes: document.nodes.map((node) => {
      const place = places.get(node.id);
      return place ? { ...node, position: place } : node;
    }),
  };
}

/** Copies of some nodes, with the edges between them, a step beside the originals; and the ids of the copies. */
export function duplicated(document: GraphDoc, ids: readonly string[]): [GraphDoc, string[]] {
  let result = document;
  const copies = new Map<string, string>();
  for (const id of ids) {
    const node = document.nodes.find((each) => each.id === id);
    if (!node) continue;
    const copy = freshId(result, node.component ?? 'node');
    const { x = 0, y = 0 } = node.position ?? {};
    result = withNode(result, { ...copied(node), id: copy, position: { x: x + 40, y: y + 40 } });
    copies.set(id, copy);
  }
  for (const edge of document.edges) {
    const [source, target] = [copies.get(edge.source.node), copies.get(edge.target.node)];
    if (source && target) {
      result = withEdge(result, { ...edge.source, node: source }, { ...edge.target, node: target });
    }
  }
  return [result, [...copies.values()]];
}

export type Misfit = 'cycle' | 'itself' | 'twice';

/** Why an edge may not be drawn; nothing where it may. The service has the last word (`validate`). */
export function misfit(document: GraphDoc, source: End, target: End): Misfit | undefined {
  if (source.node === target.node) return 'itself';
  const same = (one: End, other: End): boolean => one.node === other.node && one.port === other.port;
  if (document.edges.some((edge) => same(edge.source, source) && same(edge.target, target))) return 'twice';
  const after = new Map<string, string[]>();
  for (const edge of document.edges) {
    const targets = after.get(edge.source.node);
    if (targets) targets.push(edge.target.node);
    else after.set(edge.source.node, [edge.target.node]);
  }
  const seen = new Set<string>();
  const waiting = [target.node];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (id === source.node) return 'cycle';
    if (!seen.has(id)) {
      seen.add(id);
      waiting.push(...(after.get(id) ?? []));
    }
  }
  return undefined;
}

/** Problems by the node that they are about, out of their paths (`nodes[2].config.count`). */
export function problemsByNode<P extends { path?: string | undefined }>(document: GraphDoc, problems: readonly P[]): Record<string, P[]> {
  const found: Record<string, P[]> = {};
  for (const problem of problems) {
    const place = /^nodes\[(\d+)\]/.exec(problem.path ?? '');
    const id = place ? document.nodes[Number(place[1])]?.id : undefined;
    if (id !== undefined) (found[id] ??= []).push(problem);
  }
  return found;
}
