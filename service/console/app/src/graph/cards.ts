/** Cards and wires out of what the service says of a graph. Pure. */
import type { Schemas } from '../api/client.svelte';
import type { Card } from '../parts/NodeCard.svelte';
import { ends, type Wire } from './layout';

export type Ports = Record<string, { inputs: readonly string[]; outputs: readonly string[] }>;

/** The ports of a node: those that are wired, and the first of each kind that its component has. */
function portsOf(id: string, component: string, wires: readonly Wire[], ports: Ports): Pick<Card, 'inputs' | 'outputs'> {
  const known = ports[component];
  const into = new Set<string>(known?.inputs.slice(0, 1));
  const outOf = new Set<string>(known?.outputs.slice(0, 1));
  for (const wire of wires) {
    if (wire.target === id) into.add(wire.targetPort);
    if (wire.source === id) outOf.add(wire.sourcePort);
  }
  return { inputs: [...into], outputs: [...outOf] };
}

export function wiresOf(edges: readonly { source: { node: string; port: string }; target: { node: string; port: string } }[]): Wire[] {
  return edges.map((edge, index) => ({
    index,
    source: edge.source.node,
    sourcePort: edge.source.port,
    target: edge.target.node,
    targetPort: edge.target.port,
  }));
}

/** Edges of a running execution, which are those of the graph written out. */
export function wiresOfExecution(edges: readonly Pick<Schemas['EdgeSnapshot'], 'index' | 'source' | 'target'>[]): Wire[] {
  return edges.map((edge) => {
    const [source, sourcePort] = ends(edge.source);
    const [target, targetPort] = ends(edge.target);
    return { index: edge.index, source, sourcePort, target, targetPort };
  });
}

export function cardsOf(
  nodes: readonly { id: string; label?: string | undefined; component: string }[],
  wires: readonly Wire[],
  ports: Ports,
): Record<string, Card> {
  return Object.fromEntries(
    nodes.map((node) => [
      node.id,
      {
        label: node.label || node.id,
        component: node.component,
        isGroup: node.component.startsWith('graph:'),
        ...portsOf(node.id, node.component, wires, ports),
      },
    ]),
  );
}
