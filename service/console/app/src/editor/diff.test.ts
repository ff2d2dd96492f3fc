import { describe, expect, it } from 'vitest';

import { both, difference } from './diff';
import { EMPTY, type GraphDoc } from './document';

const edge = (from: string, to: string, more: object = {}) => ({ source: { node: from, port: 'out' }, target: { node: to, port: 'in' }, ...more });
const BEFORE: GraphDoc = { ...EMPTY, nodes: [{ id: 'a', config: { x: 1, y: 2 } }, { id: 'b' }, { id: 'gone' }], edges: [edge('a', 'b'), edge('a', 'gone')] };
const AFTER: GraphDoc = {
  ...EMPTY,
  nodes: [{ id: 'a', config: { y: 2, x: 1 }, position: { x: 5, y: 5 } }, { id: 'b', config: {} }, { id: 'new' }],
  edges: [edge('a', 'b', { capacity: 3 }), edge('b', 'new')],
};

describe('difference', () => {
  it('tells what came, went and changed, and not what only moved', () => {
    const found = difference(BEFORE, AFTER);
    expect(found.nodes).toEqual({ b: 'changed', gone: 'removed', new: 'added' });
    expect(found.keys).toEqual({ b: ['config'] });
    expect(found.edges).toEqual({ 'a:out→b:in': 'changed', 'a:out→gone:in': 'removed', 'b:out→new:in': 'added' });
  });
  it('is empty for the same graph', () => {
    expect(difference(BEFORE, BEFORE)).toEqual({ nodes: {}, edges: {}, keys: {} });
  });
});

describe('both', () => {
  it('keeps what is gone beside what is there', () => {
    expect(both(BEFORE, AFTER).nodes.map((node) => node.id)).toEqual(['a', 'b', 'new', 'gone']);
    expect(both(BEFORE, AFTER).edges).toHaveLength(3);
  });
});
