/** Fields for values of a JSON Schema, as far as a form can show them. Pure. */
export interface FormField {
  name: string;
  kind: 'text' | 'number' | 'switch' | 'choice' | 'json';
  choices: unknown[];
  isRequired: boolean;
  words: string;
}

interface Schema {
  type?: unknown;
  properties?: Record<string, Schema>;
  required?: unknown;
  enum?: unknown[];
  description?: unknown;
  default?: unknown;
  examples?: unknown[];
}

const FIELDS = 40;

/** The fields of an object's schema; none where the values are no objects with known properties. */
export function fieldsOf(schema: unknown): FormField[] {
  const { properties, required } = (schema ?? {}) as Schema;
  if (typeof properties !== 'object' || properties === null) return [];
  const needed = new Set(Array.isArray(required) ? required : []);
  return Object.entries(properties).slice(0, FIELDS).map(([name, field]) => ({
    name,
    kind: Array.isArray(field.enum) ? 'choice'
      : field.type === 'string' ? 'text'
        : field.type === 'number' || field.type === 'integer' ? 'number'
          : field.type === 'boolean' ? 'switch' : 'json',
    choices: Array.isArray(field.enum) ? field.enum : [],
    isRequired: needed.has(name),
    words: typeof field.description === 'string' ? field.description : '',
  }));
}

const EMPTY: Record<string, unknown> = { string: '', number: 0, integer: 0, boolean: false, array: [], object: {}, null: null };

/** A value to begin with. */
export function sampleOf(schema: unknown): unknown {
  const { type, properties, required, examples, enum: choices, default: usual } = (schema ?? {}) as Schema;
  if (usual !== undefined) return usual;
  if (examples?.length) return examples[0];
  if (choices?.length) return choices[0];
  if (properties && typeof properties === 'object') {
    const needed = Array.isArray(required) ? required : Object.keys(properties);
    return Object.fromEntries(needed.slice(0, FIELDS).map((name: string) => [name, sampleOf(properties[name])]));
  }
  return (typeof type === 'string' ? EMPTY[type] : undefined) ?? {};
}
