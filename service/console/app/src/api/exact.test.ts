import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';

import { copied, forYaml, fromYaml, parseExact } from './exact';

const hasSource = 'rawJSON' in JSON;

describe('parseExact', () => {
  it.runIf(hasSource)('keeps the digits of long numbers', () => {
    for (const text of ['9007199254740993', '[1e400,-9007199254740993]', '{"a":0.12345678901234567890}']) {
      expect(JSON.stringify(parseExact(text))).toBe(text);
      expect(JSON.stringify(copied(parseExact(text)))).toBe(text);
    }
  });
  it('leaves ordinary numbers numbers', () => {
    expect(parseExact('[0.0,1.0,12,0.1,0.30000000000000004,1e3]')).toEqual([0, 1, 12, 0.1, 0.30000000000000004, 1000]);
  });
});

describe('YAML', () => {
  it.runIf(hasSource)('carries long integers there and back', () => {
    const text = '{"n":9007199254740993,"m":[1,2.5]}';
    const yaml = stringify(forYaml(parseExact(text)));
    expect(JSON.stringify(fromYaml(parse(yaml, { intAsBigInt: true })))).toBe(text);
  });
});
