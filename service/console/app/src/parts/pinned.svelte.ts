/** Sample values that somebody keeps for a port, in this browser. */
const KEY = 'symbia.pinned';
const KEPT = 10;

const all = $state<{ values: Record<string, string[]> }>({ values: kept() });

function kept(): Record<string, string[]> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof found === 'object' && found !== null ? (found as Record<string, string[]>) : {};
  } catch {
    return {};
  }
}

export interface Pins {
  readonly values: string[];
  add: (text: string) => void;
  remove: (text: string) => void;
}

export function pinned(place: string): Pins {
  const put = (values: string[]): void => {
    all.values[place] = values;
    try {
      localStorage.setItem(KEY, JSON.stringify(all.values));
    } catch {
      // The browser keeps no more: it stays until the page is left.
    }
  };
  return {
    get values() {
      const found = all.values[place];
      return Array.isArray(found) ? found : [];
    },
    add(text) {
      put([text, ...this.values.filter((each) => each !== text)].slice(0, KEPT));
    },
    remove(text) {
      put(this.values.filter((each) => each !== text));
    },
  };
}
