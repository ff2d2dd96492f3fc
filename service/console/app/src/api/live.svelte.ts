/** Events of one execution, as they come: over Socket.IO, which is loaded when something is first watched. */
import type { Socket } from 'socket.io-client';

import { credential, ROOT, type Schemas } from './client.svelte';

export interface Feed {
  /** `connecting` at first, `live`, or `lost` while it tries again. */
  status: 'connecting' | 'live' | 'lost';
  statistics: Schemas['ExecutionStatistics'] | undefined;
  metrics: Schemas['ExecutionMetrics'] | undefined;
  state: string | undefined;
  /** Events that the service could not tell. */
  missed: number;
  problem: string;
}

const EVENTS = ['statistics:update', 'metrics:update'];

/** Hear of an execution until the component that asks is gone. Ten updates a second at most, whatever the traffic. */
export function watched(executionId: () => string): Feed {
  const feed = $state<Feed>({
    status: 'connecting',
    statistics: undefined,
    metrics: undefined,
    state: undefined,
    missed: 0,
    problem: '',
  });
  $effect(() => {
    const id = executionId();
    const { token, organisation } = credential;
    let socket: Socket | undefined;
    let isOver = false;
    void import('socket.io-client').then(({ io }) => {
      if (isOver) return;
      const root = new URL(ROOT);
      socket = io(root.origin, {
        path: `${root.pathname.replace(/\/$/, '')}/socket.io/`,
        auth: token ? { token, orgId: organisation || undefined } : {},
        reconnectionDelayMax: 4000,
      });
      socket.on('connect', () => {
        socket?.emit('execution:subscribe', { executionId: id, events: EVENTS, batch: true }, (answer: unknown) => {
          const { error } = answer as { error?: string };
          feed.problem = error ?? '';
          feed.status = 'live';
        });
      });
      socket.on('disconnect', () => (feed.status = 'lost'));
      socket.on('connect_error', (error: Error) => {
        feed.status = 'lost';
        feed.problem = error.message;
      });
      const hear = (event: string, data: unknown): void => {
        if (event === 'statistics:update')
          feed.statistics = (data as { statistics: Schemas['ExecutionStatistics'] }).statistics;
        else if (event === 'events:skipped') feed.missed += (data as { count: number }).count;
        else if (event.startsWith('execution:') || event === 'metrics:update') {
          const told = data as { state?: string; metrics?: Schemas['ExecutionMetrics'] };
          feed.state = told.state ?? feed.state;
          feed.metrics = told.metrics ?? feed.metrics;
        }
      };
      socket.on('events:batch', (events: { event: string; data: unknown }[]) => {
        for (const { event, data } of events) hear(event, data);
      });
      socket.onAny((event: string, data: unknown) => hear(event, data));
    });
    return () => {
      isOver = true;
      socket?.disconnect();
    };
  });
  return feed;
}
