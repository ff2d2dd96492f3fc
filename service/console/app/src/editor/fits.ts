/** Whether an edge may be drawn, and why not: nodes, circles, ports, types. The service has the last word. Pure. */
import type { Schemas } from '../api/client.svelte';
import { misfit, type End, type GraphDoc, type Misfit } from './document';
import { innerOf } from './nested';

export type Unfit = Misfit | 'types' | 'port';

type Components = Record<string, Schemas['ShownComponent']>;
interface Port {
  name: string;
  schema?: unknown;
}

function portOf(document: GraphDoc, components: Components, end: End, side: 'inputs' | 'outputs'): Port | 'none' | undefined {
  const node = document.nodes.find((each) => each.id === end.node);
  const inner = innerOf(node);
  const component = components[node?.component ?? ''];
  const ports = inner ? ((inner.ports?.[side] ?? []) as Port[]) : (component?.ports?.[side] as Port[] | undefined);
  if (!ports) return undefined; // nothing is known of it
  const found = ports.find((port) => port.name === end.port);
  if (found || (side === 'outputs' && end.port === 'error')) return found;
  return inner || ports.length === 0 ? 'none' : undefined; // some components have ports by their configuration
}

/** The JSON types that a schema lets through; nothing where it does not say. */
export function typesOf(schema: unknown): ReadonlySet<string> | undefined {
  const type = (schema as { type?: unknown } | undefined)?.type;
  const named = typeof type === 'string' ? [type] : Array.isArray(type) ? type.map(String) : undefined;
  return named && new Set(named.flatMap((each) => (each === 'number' ? ['number', 'integer'] : [each])));
}

const meet = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  [...one].some((type) => other.has(type) || (type === 'integer' && other.has('number')));

/** Why an edge does not fit, with the types where they are the reason; nothing where it fits. */
export function unfit(
  document: GraphDoc, components: Components, source: End, target: End,
): { reason: Unfit; from?: string; to?: string } | undefined {
  const reason = misfit(document, source, target);
  if (reason) return { reason };
  const [leaving, entering] = [portOf(document, components, source, 'outputs'), portOf(document, components, target, 'inputs')];
  if (leaving === 'none' || entering === 'none') return { reason: 'port' };
  const [made, taken] = [typesOf(leaving?.schema), typesOf(entering?.schema)];
  if (!made || !taken || meet(made, taken)) return undefined;
  const name = (schema: unknown): string => [(schema as { type: string | string[] }).type].flat().join(' | ');
  return { reason: 'types', from: name(leaving?.schema), to: name(entering?.schema) };
}
