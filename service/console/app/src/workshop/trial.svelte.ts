/** A trial after each pause in the typing: one at a time, and never the answer to an older question. */
import { post, Refusal, type Schemas } from '../api/client.svelte';

export interface Trial {
  readonly reply: Schemas['TrialReply'] | undefined;
  readonly refusal: Refusal | undefined;
  readonly isRunning: boolean;
}

const PAUSE_MS = 500;

/** Try what `request` returns, again whenever that changes; nothing where it returns nothing. */
export function tried(request: () => unknown): Trial {
  const state = $state<{ reply: Schemas['TrialReply'] | undefined; refusal: Refusal | undefined; isRunning: boolean }>({
    reply: undefined,
    refusal: undefined,
    isRunning: false,
  });
  let wanted = ''; // the latest question
  let answered = '';
  let isBusy = false;
  let isOver = false;
  async function work(): Promise<void> {
    if (isBusy) return;
    isBusy = state.isRunning = true;
    while (!isOver && wanted && wanted !== answered) {
      const asked = wanted;
      try {
        const reply = await post<Schemas['TrialReply']>('/api/components/try', asked);
        if (asked === wanted) [state.reply, state.refusal] = [reply, undefined];
      } catch (error) {
        if (asked === wanted) state.refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error));
      }
      answered = asked;
    }
    isBusy = state.isRunning = false;
  }
  $effect(() => {
    const body = request();
    const text = body === undefined ? '' : JSON.stringify(body);
    const timer = setTimeout(() => {
      wanted = text;
      void work();
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  });
  $effect(() => () => void (isOver = true));
  return {
    get reply() {
      return state.reply;
    },
    get refusal() {
      return state.refusal;
    },
    get isRunning() {
      return state.isRunning;
    },
  };
}
