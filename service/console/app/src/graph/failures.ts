/** Errors among the outputs of an execution, and messages as they are injected. Pure. */
import type { Schemas } from '../api/client.svelte';

export interface Failure {
  /** Of the output that tells of it. */
  sequence: number;
  nodeId: string;
  /** The input that was handed the message. */
  port: string;
  name: string;
  message: string;
  value: unknown;
}

/** The error that an output is; nothing where it is another value. */
export function failureOf(output: Schemas['Output']): Failure | undefined {
  if (output.port !== 'error' || typeof output.value !== 'object' || output.value === null) return undefined;
  const { message, name, nodeId, port, value } = output.value as Record<string, unknown>;
  if (typeof message !== 'string' || typeof nodeId !== 'string' || typeof port !== 'string') return undefined;
  return { sequence: output.sequence, nodeId, port, name: typeof name === 'string' ? name : 'Error', message, value };
}

/** The body of an injection. The value goes as it was written: a number beyond 2^53 keeps its digits. */
export function injection(nodeId: string, port: string, value: string): string {
  return `{"nodeId":${JSON.stringify(nodeId)},"port":${JSON.stringify(port)},"value":${value}}`;
}

/** Messages of a file: a JSON array, one JSON value, or one value a line. Each stays the text that it is. */
export function valuesIn(text: string): string[] {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  if (!trimmed) return [];
  const lines = trimmed.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length > 1 && lines.every(isJson)) return lines;
  const value: unknown = JSON.parse(trimmed);
  return Array.isArray(value) ? elementsOf(trimmed) : [trimmed];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The elements of an array, as they were written. */
function elementsOf(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let isText = false;
  let begin = 1;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isText) {
      if (character === '\\') index += 1;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (!isText && ((character === ',' && depth === 1) || depth === 0)) {
      const element = text.slice(begin, index).trim();
      if (element) found.push(element);
      begin = index + 1;
      if (depth === 0) break;
    }
  }
  return found;
}
