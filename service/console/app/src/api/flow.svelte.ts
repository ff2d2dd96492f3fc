/** What passes one node or edge at this moment, over a plain WebSocket: a few values a second, whatever the traffic. */
import { credential, ROOT } from './client.svelte';
import type { LiveEvents } from './events';
import { parseExact } from './exact';

export interface Passing {
  /** Counts what was heard: tells one from another. */
  number: number;
  direction: 'in' | 'out';
  place: string;
  /** Of the message; 0 for what left the graph. */
  sequence: number;
  value: unknown;
  isCut: boolean;
  skipped: number;
  ms: number;
}

export interface Flow {
  status: 'connecting' | 'live' | 'lost';
  passing: Passing[];
}

const KEPT = 30;
const PER_SECOND = 4;
const VALUE_BYTES = 4096;
const RETRY_MS = 1500;

type Heard = { [Name in keyof LiveEvents]: { event: Name; data: LiveEvents[Name] } }[keyof LiveEvents];

/** Hear what a node takes and emits until the component that asks is gone. Numbers keep their digits. */
export function flowOf(executionId: () => string, nodeId: () => string): Flow {
  const flow = $state<Flow>({ status: 'connecting', passing: [] });
  $effect(() => {
    const [id, node] = [executionId(), nodeId()];
    const { token, organisation } = credential;
    let socket: WebSocket | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let count = 0;
    flow.passing = [];
    function hear(text: string): void {
      const { event, data } = parseExact(text) as Heard;
      if (event === 'port:emit') {
        const isIn = data.targetNode === node;
        const place = isIn ? data.targetPort : `${data.sourcePort} → ${data.targetNode}`;
        add({ direction: isIn ? 'in' : 'out', place, sequence: data.sequence, value: data.value, isCut: data.truncated ?? false, skipped: data.skipped ?? 0, ms: data.timestamp });
      } else if (event === 'port:output')
        add({ direction: 'out', place: data.sourcePort, sequence: 0, value: data.value, isCut: data.truncated ?? false, skipped: data.skipped ?? 0, ms: data.timestamp });
    }
    function add(passing: Omit<Passing, 'number'>): void {
      count += 1;
      flow.passing = [{ ...passing, number: count }, ...flow.passing].slice(0, KEPT);
    }
    function open(): void {
      if (isOver) return;
      socket = new WebSocket(`${ROOT.replace(/^http/, 'ws')}/ws`);
      socket.onopen = () => {
        const say = (event: string, data: unknown): void => socket?.send(JSON.stringify({ event, data }));
        if (token) say('authenticate', { token, orgId: organisation || undefined });
        const events = ['port:emit', 'port:output'];
        say('execution:subscribe', { executionId: id, nodes: [node], events, maxPerSecond: PER_SECOND, maxValueBytes: VALUE_BYTES });
        flow.status = 'live';
      };
      socket.onmessage = ({ data }) => hear(String(data));
      socket.onclose = () => {
        flow.status = 'lost';
        if (!isOver) timer = setTimeout(open, RETRY_MS);
      };
    }
    open();
    return () => {
      isOver = true;
      clearTimeout(timer);
      socket?.close();
    };
  });
  return flow;
}
