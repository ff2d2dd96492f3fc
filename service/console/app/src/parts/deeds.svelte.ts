/** Deeds that the service may refuse: the refusal is kept until the next one. */
import { Refusal } from '../api/client.svelte';

export interface Deeds {
  readonly refusal: Refusal | undefined;
  /** Do it; false where it was refused. */
  attempt: (work: () => Promise<unknown>) => Promise<boolean>;
}

export function deeds(after: () => void = () => undefined): Deeds {
  let refusal = $state.raw<Refusal | undefined>(undefined);
  return {
    get refusal() {
      return refusal;
    },
    async attempt(work) {
      refusal = undefined;
      try {
        await work();
        return true;
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, '', String(error));
        return false;
      } finally {
        after();
      }
    },
  };
}

/** The reason for which a text is no JSON; empty where it is some. */
export function jsonProblem(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
