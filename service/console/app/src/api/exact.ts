/** JSON and YAML whose long numbers keep their digits: 9007199254740993 comes out as it went in. Pure. */

interface RawJson {
  readonly rawJSON: string;
}

interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON?: (text: string) => RawJson;
  isRawJSON?: (value: unknown) => value is RawJson;
}

const json = JSON as unknown as JsonWithSource;

/** True where a number would come out with other digits than it has. */
function isLossy(value: number, source: string): boolean {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return true;
  return source.replace(/[eE].*$|\D/g, '').replace(/^0+/, '').length > 15 && String(value) !== source;
}

/** Parse JSON; numbers that JavaScript cannot hold stay the text that they are, and are written as such again. */
export function parseExact(text: string): unknown {
  return json.parse(text, (_, value, context) =>
    typeof value === 'number' && context?.source !== undefined && json.rawJSON && isLossy(value, context.source)
      ? json.rawJSON(context.source)
      : value,
  );
}

/** The text of a number that stayed text; nothing for any other value. */
export function rawText(value: unknown): string | undefined {
  return json.isRawJSON?.(value) ? value.rawJSON : undefined;
}

export const copied = <T>(value: T): T => parseExact(JSON.stringify(value)) as T;

/** For YAML: long integers as bigint, which it writes whole. Throws for other numbers that would lose digits. */
export function forYaml(value: unknown): unknown {
  const raw = rawText(value);
  if (raw !== undefined) {
    if (/^-?\d+$/.test(raw)) return BigInt(raw);
    throw new Error(raw);
  }
  if (Array.isArray(value)) return value.map(forYaml);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, forYaml(each)]));
  return value;
}

/** The way back: short integers are numbers again, long ones keep their text. */
export function fromYaml(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const short = Number(value);
    return Number.isSafeInteger(short) || !json.rawJSON ? short : json.rawJSON(String(value));
  }
  if (Array.isArray(value)) return value.map(fromYaml);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromYaml(each)]));
  return value;
}
