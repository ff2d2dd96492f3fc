import { expect, test } from 'vitest';

import { fieldsOf, sampleOf } from './forms';

const SCHEMA = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer' }, name: { type: 'string', description: 'of it' }, kind: { enum: ['a', 'b'] }, on: { type: 'boolean' }, rest: {} },
};

test('an object has a field for each property', () => {
  expect(fieldsOf(SCHEMA).map((field) => [field.name, field.kind, field.isRequired])).toEqual([
    ['id', 'number', true], ['name', 'text', false], ['kind', 'choice', false], ['on', 'switch', false], ['rest', 'json', false],
  ]);
});

test('schemas without properties have no fields', () => {
  for (const schema of [undefined, null, true, {}, { type: 'string' }, { properties: null }]) expect(fieldsOf(schema)).toEqual([]);
});

test('a sample has what is required', () => {
  expect(sampleOf(SCHEMA)).toEqual({ id: 0 });
  expect(sampleOf({ type: 'string' })).toBe('');
  expect(sampleOf({ examples: [{ a: 1 }] })).toEqual({ a: 1 });
  expect(sampleOf({ type: 'any' })).toEqual({});
});
