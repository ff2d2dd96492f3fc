import { describe, expect, it } from 'vitest';

import {
  duplicated, EMPTY, freshId, misfit, problemsByNode, renamed, withConfig, withEdge, withNode, without, written, type GraphDoc,
} from './document';

const end = (node: string, port: string): { node: string; port: string } => ({ node, port });
const row: GraphDoc = {
  ...EMPTY,
  nodes: ['a', 'b', 'c'].map((id) => ({ id, component: 'symbia.core.map', position: { x: 0, y: 0 } })),
  edges: [
    { source: end('a', 'out'), target: end('b', 'in') },
    { source: end('b', 'out'), target: end('c', 'in') },
  ],
};

describe('misfit', () => {
  it('sees circles of any length', () => {
    expect(misfit(row, end('c', 'out'), end('a', 'in'))).toBe('cycle');
    expect(misfit(row, end('b', 'out'), end('a', 'in'))).toBe('cycle');
  });
  it('sees an edge to the same node, and the same edge again', () => {
    expect(misfit(row, end('a', 'out'), end('a', 'in'))).toBe('itself');
    expect(misfit(row, end('a', 'out'), end('b', 'in'))).toBe('twice');
  });
  it('lets others be', () => {
    expect(misfit(row, end('a', 'out'), end('c', 'in'))).toBeUndefined();
    expect(misfit(row, end('a', 'error'), end('b', 'in'))).toBeUndefined();
  });
});

describe('changes', () => {
  it('take the edges of a node away with it', () => {
    const left = without(row, new Set(['b']), new Set());
    expect(left.nodes.map((node) => node.id)).toEqual(['a', 'c']);
    expect(left.edges).toEqual([]);
    expect(row.nodes).toHaveLength(3);
  });
  it('take one edge away', () => {
    expect(without(row, new Set(), new Set([0])).edges).toEqual([row.edges[1]]);
  });
  it('rename a node in its edges, and never to a name that is taken', () => {
    expect(renamed(row, 'b', 'x').edges.map((edge) => [edge.source.node, edge.target.node])).toEqual([['a', 'x'], ['x', 'c']]);
    expect(renamed(row, 'b', 'c')).toBe(row);
    expect(renamed(row, 'b', '')).toBe(row);
  });
  it('set a key of the configuration, and take it away', () => {
    const set = withConfig(row, 'a', 'expression', 'value');
    expect(set.nodes[0]!.config).toEqual({ expression: 'value' });
    expect(withConfig(set, 'a', 'expression', undefined).nodes[0]!.config).toEqual({});
  });
  it('give new nodes ids that nobody has', () => {
    expect(freshId(row, 'symbia.core.filter')).toBe('filter');
    const more = withNode(withNode(row, { id: 'filter' }), { id: 'filter-2' });
    expect(freshId(more, 'symbia.core.filter')).toBe('filter-3');
    expect(freshId(row, 'graph:pricing@^1.2')).toBe('pricing');
  });
  it('copy nodes with the edges between them', () => {
    const [copied, ids] = duplicated(withEdge(row, end('a', 'error'), end('c', 'in')), ['a', 'b']);
    expect(ids).toEqual(['map', 'map-2']);
    expect(copied.edges.at(-1)).toEqual({ source: end('map', 'out'), target: end('map-2', 'in') });
    expect(copied.edges).toHaveLength(4);
  });
});

describe('problemsByNode', () => {
  it('finds the node by its place', () => {
    const problems = [{ path: 'nodes[1].config.count' }, { path: 'edges[0]' }, { path: 'nodes[99]' }];
    expect(problemsByNode(row, problems)).toEqual({ b: [problems[0]] });
  });
});

describe('written', () => {
  it('leaves out what the service adds and what stands for nothing', () => {
    const shown = { id: 'x', name: 'N', symbia: '1.0', nodes: [], edges: [], metadata: {}, topology: { a: 1 }, role: null };
    expect(written(shown)).toEqual({ name: 'N', symbia: '1.0', nodes: [], edges: [] });
  });
});
