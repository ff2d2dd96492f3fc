import { describe, expect, it } from 'vitest';

import { aligned, clipIn, clipOf, pasted } from './clip';
import { EMPTY, type GraphDoc } from './document';

const edge = (from: string, to: string) => ({ source: { node: from, port: 'out' }, target: { node: to, port: 'in' } });
const GRAPH: GraphDoc = {
  ...EMPTY,
  nodes: ['a', 'b', 'c'].map((id, index) => ({ id, component: 'x.y', position: { x: index * 10, y: index * 5 } })),
  edges: [{ ...edge('a', 'b'), id: 'mine' }, edge('b', 'c')],
};

describe('a clip', () => {
  it('brings nodes and the edges between them, under names that are free', () => {
    const [next, ids] = pasted(GRAPH, clipIn(clipOf(GRAPH, new Set(['a', 'b'])))!);
    expect(ids).toEqual(['y', 'y-2']);
    expect(next.edges.at(-1)).toEqual({ source: { node: 'y', port: 'out' }, target: { node: 'y-2', port: 'in' } });
    expect(next.nodes.at(-1)?.position).toEqual({ x: 50, y: 45 });
  });
  it('keeps ids where they are free, and digits', () => {
    const text = '{"symbia-nodes":{"nodes":[{"id":"n","config":{"at":9007199254740993}}],"edges":[]}}';
    const [next] = pasted(EMPTY, clipIn(text)!);
    expect(next.nodes[0]?.id).toBe('n');
  });
  it('is nothing where the text is something else', () => {
    for (const text of ['', 'hello', '{"nodes": 3}', '{"nodes": [null]}', '[1]', '{"nodes": []}']) expect(clipIn(text)).toBeUndefined();
  });
  it('leaves edges without ends away', () => {
    const clip = clipIn('{"nodes":[{"id":"a"}],"edges":[{"source":null},{"source":{"node":"a","port":"o"},"target":{"node":"z","port":"i"}}]}')!;
    expect(pasted(EMPTY, clip)[0].edges).toEqual([]);
  });
});

describe('aligned', () => {
  it('puts nodes into the column of the leftmost', () => {
    const places = new Map(GRAPH.nodes.map((node) => [node.id, node.position as { x: number; y: number }]));
    expect(aligned(GRAPH, places, ['b', 'c'], 'x').nodes.map((node) => node.position)).toEqual([{ x: 0, y: 0 }, { x: 10, y: 5 }, { x: 10, y: 10 }]);
  });
});
