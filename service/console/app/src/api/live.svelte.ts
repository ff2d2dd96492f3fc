/** Events of one execution, as they come: over Socket.IO, which is loaded when something is first watched. */
import type { Socket } from 'socket.io-client';

import { credential, ROOT, type Schemas } from './client.svelte';
import type { Commands, LiveEvents } from './events';

export interface Feed {
  /** `connecting` at first, `live`, or `lost` while it tries again. */
  status: 'connecting' | 'live' | 'lost';
  statistics: Schemas['ExecutionStatistics'] | undefined;
  metrics: Schemas['ExecutionMetrics'] | undefined;
  state: string | undefined;
  /** Events that the service could not tell. */
  missed: number;
  /** Seconds for which nothing was heard, of all connections that were lost and are back. */
  awaySeconds: number;
  /** Counts what people have done to the execution: whoever shows that asks anew. */
  deeds: number;
  problem: string;
}

const CONTROL = /^(breakpoint:|edge:|execution:reloaded)/;
const EVENTS = [
  'statistics:update', 'metrics:update',
  'breakpoint:set', 'breakpoint:removed', 'breakpoint:hit', 'breakpoint:released', 'breakpoint:failed',
  'edge:paused', 'edge:resumed', 'edge:dropped', 'edge:edited', 'edge:inserted', 'edge:redirected',
] satisfies (keyof LiveEvents)[];

type Heard = { [Name in keyof LiveEvents]: { event: Name; data: LiveEvents[Name] } }[keyof LiveEvents];

/** Hear of an execution until the component that asks is gone. Ten updates a second at most, whatever the traffic. */
export function watched(executionId: () => string): Feed {
  const feed = $state<Feed>({
    status: 'connecting',
    statistics: undefined,
    metrics: undefined,
    state: undefined,
    missed: 0,
    awaySeconds: 0,
    deeds: 0,
    problem: '',
  });
  $effect(() => {
    const id = executionId();
    const { token, organisation } = credential;
    let socket: Socket | undefined;
    let isOver = false;
    let lostMs = 0;
    function lose(problem: string): void {
      lostMs ||= performance.now();
      feed.status = 'lost';
      feed.problem = problem;
    }
    function hear(heard: Heard): void {
      if (heard.event === 'statistics:update') feed.statistics = heard.data.statistics;
      else if (heard.event === 'metrics:update') feed.metrics = heard.data.metrics;
      else if (heard.event === 'events:skipped') feed.missed += heard.data.count;
      else if (CONTROL.test(heard.event)) feed.deeds += 1;
      else if (heard.event.startsWith('execution:')) {
        const { state, metrics } = heard.data as Partial<LiveEvents['execution:state']>;
        feed.state = state ?? feed.state;
        feed.metrics = metrics ?? feed.metrics;
      }
    }
    void import('socket.io-client').then(({ io }) => {
      if (isOver) return;
      const root = new URL(ROOT);
      socket = io(root.origin, {
        path: `${root.pathname.replace(/\/$/, '')}/socket.io/`,
        auth: token ? { token, orgId: organisation || undefined } : {},
        reconnectionDelayMax: 4000,
      });
      socket.on('connect', () => {
        const wanted = { executionId: id, events: EVENTS, batch: true } satisfies Partial<Commands['execution:subscribe']>;
        socket?.emit('execution:subscribe', wanted, (answer: Partial<Schemas['RefusalReply']>) => {
          feed.problem = answer.error ?? '';
          feed.status = 'live';
          feed.deeds += 1;
          if (lostMs) feed.awaySeconds += (performance.now() - lostMs) / 1000;
          lostMs = 0;
        });
      });
      socket.on('disconnect', () => lose(''));
      socket.on('connect_error', (error: Error) => lose(error.message));
      socket.on('events:batch', (events: Heard[]) => events.forEach(hear));
      socket.onAny((event: string, data: unknown) => {
        if (event !== 'events:batch') hear({ event, data } as Heard);
      });
    });
    return () => {
      isOver = true;
      socket?.disconnect();
    };
  });
  return feed;
}
