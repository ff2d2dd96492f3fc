import { describe, expect, it } from 'vitest';

import { EMPTY, type End, type GraphDoc } from './document';
import { grouped, innerOf, partAt, portsOfInner, ungrouped, withPart } from './nested';

const end = (text: string): End => {
  const [node = '', port = ''] = text.split(':');
  return { node, port };
};
const graph = (nodes: string[], edges: [string, string][], more: object = {}): GraphDoc => ({
  ...EMPTY,
  nodes: nodes.map((id) => ({ id, component: 'symbia.core.passthrough' })),
  edges: edges.map(([source, target]) => ({ source: end(source), target: end(target) })),
  ...more,
});
const LINE = graph(['a', 'b', 'c', 'd'], [['a:out', 'b:in'], ['b:out', 'c:in'], ['c:out', 'd:in'], ['b:error', 'd:in']]);
const wiring = (document: GraphDoc): string[] =>
  document.edges.map(({ source, target }) => `${source.node}:${source.port}>${target.node}:${target.port}`).sort();
const made = <T,>(found: T | string): T => {
  if (typeof found === 'string') throw new Error(found);
  return found;
};

describe('grouped', () => {
  it('wires the group as its nodes were', () => {
    const [next, id] = made(grouped(LINE, ['b', 'c']));
    expect(next.nodes.map((node) => node.id)).toEqual(['a', id, 'd']);
    expect(wiring(next)).toEqual(['a:out>group:in', 'group:b-error>d:in', 'group:out>d:in']);
    expect(wiring(partAt(next, [id])!)).toEqual(['b:out>c:in']);
    expect(portsOfInner(innerOf(next.nodes[1])!)).toEqual({ inputs: ['in'], outputs: ['out', 'b-error', 'error'] });
  });
  it('is undone by taking apart', () => {
    const [next, id] = made(grouped(LINE, ['b', 'c']));
    const [back] = made(ungrouped(next, id));
    expect(wiring(back)).toEqual(wiring(LINE));
    expect(back.nodes.map((node) => node.id).sort()).toEqual(['a', 'b', 'c', 'd']);
  });
  it('refuses what would feed itself', () => {
    expect(grouped(LINE, ['a', 'c'])).toBe('cycle');
  });
  it('hands the parameters in', () => {
    const [next, id] = made(grouped(graph(['a', 'b'], [], { parameters: { rate: { type: 'number' } } }), ['a']));
    expect(next.nodes.find((node) => node.id === id)?.config).toEqual({ rate: '${param.rate}' });
    expect((partAt(next, [id]) as unknown as { parameters: unknown }).parameters).toEqual({ rate: { type: 'number' } });
    expect(made(ungrouped(next, id))[0].nodes.map((node) => node.id).sort()).toEqual(['a', 'b']);
  });
  it('keeps the ports of the graph where they lead', () => {
    const ports = { inputs: [{ name: 'x', bind: end('a:in') }], outputs: [{ name: 'y', bind: end('b:out') }] };
    const [next, id] = made(grouped(graph(['a', 'b'], [['a:out', 'b:in']], { ports }), ['a', 'b']));
    expect((next as unknown as { ports: unknown }).ports).toEqual({
      inputs: [{ name: 'x', bind: { node: id, port: 'in' } }],
      outputs: [{ name: 'y', bind: { node: id, port: 'out' } }],
    });
    expect((made(ungrouped(next, id))[0] as unknown as { ports: unknown }).ports).toEqual(ports);
  });
});

describe('ungrouped', () => {
  it('gives names that are taken another one', () => {
    const inner = { nodes: [{ id: 'a', component: 'x' }], edges: [], ports: { inputs: [{ name: 'in', bind: end('a:in') }] } };
    const document = { ...graph(['a'], [['a:out', 'g:in']]) };
    document.nodes.push({ id: 'g', graph: inner });
    const [next, ids] = made(ungrouped(document, 'g'));
    expect(ids).toEqual(['g-a']);
    expect(wiring(next)).toEqual(['a:out>g-a:in']);
  });
  it('refuses values that only its parameters can give, and items', () => {
    const inner = { nodes: [{ id: 'a' }], edges: [], parameters: { rate: {} } };
    expect(ungrouped({ ...EMPTY, nodes: [{ id: 'g', graph: inner, config: { rate: 2 } }] }, 'g')).toBe('parameters');
    expect(ungrouped({ ...EMPTY, nodes: [{ id: 'g', graph: { nodes: [], edges: [] }, forEach: true }] }, 'g')).toBe('forEach');
  });
});

describe('withPart', () => {
  it('changes what is deep inside and nothing else', () => {
    const inner = { nodes: [{ id: 'x', component: 'y' }], edges: [] };
    const document = { ...EMPTY, nodes: [{ id: 'g', graph: { nodes: [{ id: 'h', graph: inner }], edges: [] } }] };
    const part = partAt(document, ['g', 'h'])!;
    const next = withPart(document, ['g', 'h'], { ...part, nodes: [] });
    expect(next).toEqual({ ...EMPTY, nodes: [{ id: 'g', graph: { nodes: [{ id: 'h', graph: { nodes: [], edges: [] } }], edges: [] } }] });
    expect(partAt(document, ['nobody'])).toBeUndefined();
  });
});
