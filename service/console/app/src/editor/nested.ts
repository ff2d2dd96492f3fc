/** Graphs inside a graph: entered, made of some nodes, and taken apart again. Pure. */
import { freshId, type EdgeDoc, type End, type GraphDoc, type NodeDoc } from './document';

export interface PortBinding {
  name: string;
  bind: End | End[];
  [field: string]: unknown;
}

export interface InnerDoc extends GraphDoc {
  ports?: { inputs?: PortBinding[]; outputs?: PortBinding[] };
  parameters?: Record<string, unknown>;
}

export const bindsOf = (port: PortBinding): End[] => (Array.isArray(port.bind) ? port.bind : [port.bind]);
const same = (one: End, other: End): boolean => one.node === other.node && one.port === other.port;

/** The graph that a node is written as; nothing for every other node. */
export function innerOf(node: NodeDoc | undefined): InnerDoc | undefined {
  const inner = node?.['graph'] as Partial<InnerDoc> | undefined;
  if (typeof inner !== 'object' || inner === null || !Array.isArray(inner.nodes)) return undefined;
  return { symbia: '1.0', name: node?.name || node?.id || '', edges: [], ...inner } as InnerDoc;
}

/** The ports of a node that is a graph, by their names. */
export function portsOfInner(inner: InnerDoc): { inputs: string[]; outputs: string[] } {
  const names = (ports: PortBinding[] | undefined): string[] => (ports ?? []).map((port) => port.name);
  return { inputs: names(inner.ports?.inputs), outputs: [...names(inner.ports?.outputs), 'error'] };
}

/** The graph at a path of node ids; nothing where there is none. */
export function partAt(document: GraphDoc, path: readonly string[]): GraphDoc | undefined {
  let found: GraphDoc | undefined = document;
  for (const id of path) found = innerOf(found?.nodes.find((node) => node.id === id));
  return found;
}

/** The document with another graph at a path. */
export function withPart(document: GraphDoc, path: readonly string[], part: GraphDoc): GraphDoc {
  const [id, ...rest] = path;
  if (id === undefined) return part;
  return {
    ...document,
    nodes: document.nodes.map((node) => {
      if (node.id !== id) return node;
      const inner = innerOf(node);
      if (!inner) return node;
      const { symbia: _, name, ...written } = withPart(inner, rest, part);
      const isNamed = (node['graph'] as Partial<InnerDoc>).name !== undefined;
      return { ...node, graph: isNamed ? { name, ...written } : written };
    }),
  };
}

export type Ungroupable = 'cycle' | 'parameters' | 'forEach' | 'noGroup';

/** True where an edge path leads out of some nodes and back into them: as one node they would feed themselves. */
function leavesAndReturns(document: GraphDoc, ids: ReadonlySet<string>): boolean {
  const after = new Map<string, string[]>();
  for (const { source, target } of document.edges) after.set(source.node, [...(after.get(source.node) ?? []), target.node]);
  const waiting = document.edges.filter(({ source, target }) => ids.has(source.node) && !ids.has(target.node)).map(({ target }) => target.node);
  const seen = new Set<string>();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (ids.has(id)) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    waiting.push(...(after.get(id) ?? []));
  }
  return false;
}

function portFor(ports: PortBinding[], end: End): string {
  const there = ports.find((port) => bindsOf(port).some((bind) => same(bind, end)));
  if (there) return there.name;
  const taken = new Set(['error', ...ports.map((port) => port.name)]);
  let name = taken.has(end.port) ? `${end.node}-${end.port}` : end.port;
  for (let number = 2; taken.has(name); number += 1) name = `${end.node}-${end.port}-${number}`;
  ports.push({ name, bind: { ...end } });
  return name;
}

/** Some nodes as one node that is a graph, wired as they were; its id. Or why they cannot be. */
export function grouped(document: GraphDoc, chosen: readonly string[]): [GraphDoc, string] | Ungroupable {
  const ids = new Set(chosen);
  const members = document.nodes.filter((node) => ids.has(node.id));
  if (!members.length) return 'noGroup';
  if (leavesAndReturns(document, ids)) return 'cycle';
  const id = freshId(document, 'group');
  const inputs: PortBinding[] = [];
  const outputs: PortBinding[] = [];
  const inside: EdgeDoc[] = [];
  const edges: EdgeDoc[] = [];
  const moved = (edge: EdgeDoc): EdgeDoc => {
    let { source, target } = edge;
    if (ids.has(target.node)) target = { node: id, port: portFor(inputs, target) };
    if (ids.has(source.node)) source = { node: id, port: portFor(outputs, source) };
    return { ...edge, source, target };
  };
  for (const edge of document.edges) {
    if (ids.has(edge.source.node) && ids.has(edge.target.node)) inside.push(edge);
    else {
      const next = moved(edge);
      const isTwice = edges.some((each) => same(each.source, next.source) && same(each.target, next.target));
      if (!isTwice) edges.push(next);
    }
  }
  const rebound = (ports: PortBinding[] | undefined, into: PortBinding[]): PortBinding[] | undefined =>
    ports?.map((port) => {
      const binds = bindsOf(port).map((bind) => (ids.has(bind.node) ? { node: id, port: portFor(into, bind) } : bind));
      return { ...port, bind: binds.length === 1 ? binds[0]! : binds };
    });
  const outer = document as InnerDoc;
  const ports = outer.ports && { inputs: rebound(outer.ports.inputs, inputs), outputs: rebound(outer.ports.outputs, outputs) };
  const parameters = Object.keys(outer.parameters ?? {});
  const at = members.map((node) => ({ x: node.position?.x ?? 0, y: node.position?.y ?? 0 }));
  const group: NodeDoc = {
    id,
    ...(parameters.length ? { config: Object.fromEntries(parameters.map((name) => [name, `\${param.${name}}`])) } : {}),
    position: { x: Math.min(...at.map(({ x }) => x)), y: Math.min(...at.map(({ y }) => y)) },
    graph: { ...(parameters.length ? { parameters: outer.parameters } : {}), ports: { inputs, outputs }, nodes: members, edges: inside },
  };
  const place = document.nodes.findIndex((node) => ids.has(node.id));
  const others = document.nodes.filter((node) => !ids.has(node.id));
  const before = document.nodes.slice(0, place).length;
  const next = { ...document, nodes: [...others.slice(0, before), group, ...others.slice(before)], edges };
  return [(ports ? { ...next, ports: JSON.parse(JSON.stringify(ports)) as unknown } : next) as GraphDoc, id];
}

/** A node that is a graph taken apart: its nodes lie beside the others, wired as they were. Or why it cannot be. */
export function ungrouped(document: GraphDoc, id: string): [GraphDoc, string[]] | Ungroupable {
  const node = document.nodes.find((each) => each.id === id);
  const inner = innerOf(node);
  if (!node || !inner) return 'noGroup';
  if (node['forEach'] || inner['forEach']) return 'forEach';
  const isPassed = Object.keys(inner.parameters ?? {}).every((name) => node.config?.[name] === `\${param.${name}}`);
  if (!isPassed) return 'parameters';
  const rest: GraphDoc = { ...document, nodes: document.nodes.filter((each) => each.id !== id) };
  const names = new Map<string, string>();
  const taken = new Set(rest.nodes.map((each) => each.id));
  for (const each of inner.nodes) {
    let name = each.id;
    for (let number = 1; taken.has(name); number += 1) name = number === 1 ? `${id}-${each.id}` : `${id}-${each.id}-${number}`;
    taken.add(name);
    names.set(each.id, name);
  }
  const out = (end: End): End => ({ ...end, node: names.get(end.node) ?? end.node });
  const ofUse = Object.fromEntries(Object.entries(node).filter(([key]) => key === 'onError' || key === 'retry'));
  const lifted = inner.nodes.map((each) => ({ ...ofUse, ...each, id: names.get(each.id)! }));
  const ends = (ports: PortBinding[] | undefined, name: string): End[] =>
    (ports ?? []).filter((port) => port.name === name).flatMap(bindsOf).map(out);
  const failing = inner.nodes
    .filter((each) => !inner.edges.some(({ source }) => source.node === each.id && source.port === 'error'))
    .map((each) => ({ node: names.get(each.id)!, port: 'error' }));
  const sourcesOf = (end: End): End[] => {
    if (end.node !== id) return [end];
    const found = ends(inner.ports?.outputs, end.port);
    return found.length || end.port !== 'error' ? found : failing;
  };
  const targetsOf = (end: End): End[] => (end.node === id ? ends(inner.ports?.inputs, end.port) : [end]);
  const edges = document.edges.flatMap((edge) =>
    sourcesOf(edge.source).flatMap((source) => targetsOf(edge.target).map((target) => ({ ...edge, source, target }))),
  );
  const inside = inner.edges.map((edge) => ({ ...edge, source: out(edge.source), target: out(edge.target) }));
  const outer = (document as InnerDoc).ports;
  const rebound = (ports: PortBinding[] | undefined, into: (end: End) => End[]): PortBinding[] | undefined =>
    ports?.map((port) => {
      const binds = bindsOf(port).flatMap(into);
      return { ...port, bind: binds.length === 1 ? binds[0]! : binds };
    });
  const next = { ...rest, nodes: [...rest.nodes, ...lifted], edges: [...edges, ...inside] };
  const ports = outer && { inputs: rebound(outer.inputs, targetsOf), outputs: rebound(outer.outputs, sourcesOf) };
  return [(ports ? { ...next, ports: JSON.parse(JSON.stringify(ports)) as unknown } : next) as GraphDoc, [...names.values()]];
}
