/** A value that is asked for again and again while somebody looks at it. */
import { Refusal } from './client.svelte';

export interface Polled<T> {
  readonly value: T | undefined;
  readonly refusal: Refusal | undefined;
  /** Ask at once, and from then on at the usual pace. */
  again: () => void;
}

/** Ask every `everyMs` milliseconds; a page that nobody sees does not ask. Call it while a component is made. */
export function polled<T>(load: () => Promise<T>, everyMs: number): Polled<T> {
  const state = $state<{ value: T | undefined; refusal: Refusal | undefined; turn: number }>({
    value: undefined,
    refusal: undefined,
    turn: 0,
  });
  $effect(() => {
    void state.turn;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function round(): Promise<void> {
      if (!document.hidden) {
        try {
          const value = await load();
          if (isOver) return;
          state.value = value;
          state.refusal = undefined;
        } catch (error) {
          if (isOver) return;
          state.refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error));
        }
      }
      if (!isOver && state.refusal?.status !== 404) timer = setTimeout(() => void round(), everyMs);
    }
    void round();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  });
  return {
    get value() {
      return state.value;
    },
    get refusal() {
      return state.refusal;
    },
    again: () => {
      state.turn += 1;
    },
  };
}
