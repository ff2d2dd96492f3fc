/** The recording of an execution, where there is one, and its beginning. */
import { ask, at, get, type Refusal, type Schemas } from '../api/client.svelte';
import { polled } from '../api/poll.svelte';
import { deeds } from './deeds.svelte';

export interface OwnRecording {
  readonly summary: Schemas['RecordingSummary'] | undefined;
  readonly refusal: Refusal | undefined;
  /** Take note of everything from now on. */
  begin: () => Promise<boolean>;
  /** Look again how far it is. */
  again: () => void;
}

/** The list is asked, because there is nothing wrong with an execution of which nothing is noted. */
export function recordingOf(executionId: () => string): OwnRecording {
  const list = polled(() => get<Schemas['RecordingList']>('/api/recordings'), 15_000);
  const doing = deeds(() => list.again());
  return {
    get summary() {
      return list.value?.recordings.find((each) => each.id === executionId());
    },
    get refusal() {
      return doing.refusal;
    },
    again: () => list.again(),
    begin: () => doing.attempt(() => ask('PUT', at('executions', executionId(), 'recording'), { level: 'full' })),
  };
}
