import { expect, test } from 'vitest';

import { failureOf, injection, valuesIn } from './failures';

test('an error among the outputs has the message that caused it', () => {
  const value = { message: 'no', name: 'TypeError', nodeId: 'a', port: 'in', value: 1 };
  const output = { sequence: 3, node: 'a', port: 'error', value, lane: 'canonical' as const };
  expect(failureOf(output)).toEqual({ sequence: 3, ...value });
  expect(failureOf({ ...output, port: 'out' })).toBeUndefined();
  expect(failureOf({ ...output, value: 'text' })).toBeUndefined();
});

test('values of a file stay the texts that they are', () => {
  expect(valuesIn('')).toEqual([]);
  expect(valuesIn('{"a": 1}\n{"a": 2}\n')).toEqual(['{"a": 1}', '{"a": 2}']);
  expect(valuesIn('[9007199254740993, "a,]\\"", [1, 2], {"b": []}]')).toEqual(['9007199254740993', '"a,]\\""', '[1, 2]', '{"b": []}']);
  expect(valuesIn('{\n"a": 1\n}')).toEqual(['{\n"a": 1\n}']);
  expect(valuesIn('[]')).toEqual([]);
  expect(() => valuesIn('{')).toThrow();
});

test('an injection has its value as it was written', () => {
  expect(injection('a"', 'in', '9007199254740993')).toBe('{"nodeId":"a\\"","port":"in","value":9007199254740993}');
});
