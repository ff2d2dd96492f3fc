/** The records of a recording, page after page, as they are there when somebody looks. */
import { get, Refusal, type Schemas } from './client.svelte';

const PAGE = 1000;
const BOUND = 20_000;

export interface Records {
  list: readonly Schemas['HistoryRecord'][];
  isLoading: boolean;
  isWhole: boolean;
  refusal: Refusal | undefined;
}

/** Read the first records at a path such as `/api/recordings/<id>/history`; again where `turn` changes. */
export function recordsOf(path: () => string, turn: () => number): Records {
  let shown = $state.raw<Records>({ list: [], isLoading: true, isWhole: false, refusal: undefined });
  $effect(() => {
    const from = path();
    void turn();
    let isOver = false;
    if (!from) return;
    void (async () => {
      const list: Schemas['HistoryRecord'][] = [];
      try {
        let next = 0;
        do {
          const page: Schemas['HistoryReply'] = await get(`${from}?from=${next}&limit=${PAGE}`);
          if (isOver) return;
          list.push(...page.records);
          next = page.following;
          shown = { list: [...list], isLoading: next > 0, isWhole: !next, refusal: undefined };
        } while (next && list.length < BOUND);
        shown = { ...shown, isLoading: false };
      } catch (error) {
        if (!isOver) shown = { list, isLoading: false, isWhole: false, refusal: error instanceof Refusal ? error : new Refusal(0, '', String(error)) };
      }
    })();
    return () => {
      isOver = true;
    };
  });
  return {
    get list() { return shown.list; },
    get isLoading() { return shown.isLoading; },
    get isWhole() { return shown.isWhole; },
    get refusal() { return shown.refusal; },
  };
}
