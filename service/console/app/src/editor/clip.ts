/** Nodes that are copied, pasted and aligned. Pure. */
import { copied, parseExact } from '../api/exact';
import { freshId, type EdgeDoc, type End, type GraphDoc, type NodeDoc } from './document';

export interface Clip {
  nodes: NodeDoc[];
  edges: EdgeDoc[];
}

const MARK = 'symbia-nodes';
const MOST_BYTES = 4_000_000;

/** Text that stands for some nodes, with the edges between them. */
export function clipOf(document: GraphDoc, ids: ReadonlySet<string>): string {
  const nodes = document.nodes.filter((node) => ids.has(node.id));
  const edges = document.edges.filter(({ source, target }) => ids.has(source.node) && ids.has(target.node));
  return JSON.stringify({ [MARK]: { nodes, edges } }, null, 2);
}

const isEnd = (end: unknown): end is End =>
  typeof (end as End | null)?.node === 'string' && typeof (end as End | null)?.port === 'string';

/** What a text stands for; nothing where it is no copy of nodes. A whole graph is one, too. */
export function clipIn(text: string): Clip | undefined {
  if (text.length > MOST_BYTES || !text.trim().startsWith('{')) return undefined;
  try {
    const read = parseExact(text) as Record<string, unknown>;
    const clip = (read[MARK] ?? read) as Partial<Clip>;
    if (!Array.isArray(clip.nodes) || !clip.nodes.every((node) => typeof (node as NodeDoc | null)?.id === 'string')) return undefined;
    const edges = Array.isArray(clip.edges) ? clip.edges.filter((edge) => isEnd(edge?.source) && isEnd(edge?.target)) : [];
    return clip.nodes.length ? { nodes: clip.nodes, edges } : undefined;
  } catch {
    return undefined;
  }
}

/** The document with a clip in it, a step beside where it came from; and the ids that its nodes have now. */
export function pasted(document: GraphDoc, clip: Clip, step = 40): [GraphDoc, string[]] {
  const names = new Map<string, string>();
  let nodes = document.nodes;
  const taken = new Set(nodes.map((node) => node.id));
  for (const node of clip.nodes) {
    const id = taken.has(node.id) ? freshId({ ...document, nodes }, node.component || node.id) : node.id;
    taken.add(id);
    names.set(node.id, id);
    const { x = 0, y = 0 } = node.position ?? {};
    nodes = [...nodes, { ...copied(node), id, position: { x: x + step, y: y + step } }];
  }
  const moved = (end: End): End => ({ ...end, node: names.get(end.node)! });
  const edges = clip.edges
    .filter(({ source, target }) => names.has(source.node) && names.has(target.node))
    .map(({ id: _, ...edge }) => ({ ...copied(edge), source: moved(edge.source), target: moved(edge.target) }) as EdgeDoc);
  return [{ ...document, nodes, edges: [...document.edges, ...edges] }, [...names.values()]];
}

/** Some nodes in one column (`x`) or one row (`y`): that of the first of them. */
export function aligned(
  document: GraphDoc, places: ReadonlyMap<string, { x: number; y: number }>, ids: readonly string[], axis: 'x' | 'y',
): GraphDoc {
  const least = Math.min(...ids.map((id) => places.get(id)?.[axis] ?? 0));
  const chosen = new Set(ids);
  return {
    ...document,
    nodes: document.nodes.map((node) =>
      chosen.has(node.id) ? { ...node, position: { ...(places.get(node.id) ?? { x: 0, y: 0 }), [axis]: least } } : node,
    ),
  };
}
