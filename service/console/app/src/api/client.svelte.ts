/** Requests to the service that served this page, and what it answers. */
import { parseExact } from './exact';
import type { components } from './schema';

export type Schemas = components['schemas'];

/** The service's root: the page lies at `<root>/console/`, whatever stands before it. */
export const ROOT = new URL('..', new URL('.', document.baseURI)).href.replace(/\/$/, '');

const KEPT = 'symbia.token';

interface Credential {
  token: string;
  organisation: string;
}

function kept(): Credential {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
    const { token = '', organisation = '' } = found as Partial<Credential>;
    return { token, organisation };
  } catch {
    return { token: '', organisation: '' };
  }
}

/** Who calls. The token is in memory; in session storage only where its owner chose so. */
export const credential = $state({ ...kept(), isWanted: false });

export function signIn(token: string, organisation: string, keep: boolean): void {
  Object.assign(credential, { token, organisation, isWanted: false });
  if (keep) sessionStorage.setItem(KEPT, JSON.stringify({ token, organisation }));
  else sessionStorage.removeItem(KEPT);
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT);
  Object.assign(credential, { token: '', organisation: '', isWanted: false });
}

/** A refusal of the service, or no answer at all (`status` 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: readonly Schemas['Problem'][] = [],
  ) {
    super(message);
  }
}

function headers(contentType: string): Headers {
  const result = new Headers({ Accept: 'application/json' });
  if (credential.token) result.set('Authorization', `Bearer ${credential.token}`);
  if (credential.organisation) result.set('X-Org-Id', credential.organisation);
  if (contentType) result.set('Content-Type', contentType);
  return result;
}

async function refusalOf(response: Response): Promise<Refusal> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Partial<Schemas['ErrorBody']>;
    return new Refusal(response.status, body.code ?? '', body.error ?? text, body.problems ?? []);
  } catch {
    return new Refusal(response.status, '', text.slice(0, 500) || response.statusText);
  }
}

/** An answer, and the tag by which what it shows is told from a later one. */
export interface Tagged<T> {
  body: T;
  tag: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Send a request and return the decoded answer; `body` is text as it is, or anything that becomes JSON. */
export async function ask<T>(method: Method, path: string, body?: unknown, contentType?: string): Promise<T> {
  return (await askTagged<T>(method, path, body, { contentType })).body;
}

/** As `ask`; with `ifMatch`, only where what is there still has this tag (412 otherwise). */
export async function askTagged<T>(
  method: Method,
  path: string,
  body?: unknown,
  { contentType = 'application/json', ifMatch = '' }: { contentType?: string | undefined; ifMatch?: string } = {},
): Promise<Tagged<T>> {
  const content = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const sent = headers(content === undefined ? '' : contentType);
  if (ifMatch) sent.set('If-Match', ifMatch);
  let response: Response;
  try {
    response = await fetch(`${ROOT}${path}`, {
      method,
      headers: sent,
      ...(content === undefined ? {} : { body: content }),
    });
  } catch (error) {
    throw new Refusal(0, 'unreachable', error instanceof Error ? error.message : String(error));
  }
  if (!response.ok) {
    const refusal = await refusalOf(response);
    if (refusal.status === 401) credential.isWanted = true;
    throw refusal;
  }
  const answer = response.status === 204 ? undefined : parseExact(await response.text());
  return { body: answer as T, tag: response.headers.get('ETag') ?? '' };
}

export const get = <T>(path: string): Promise<T> => ask<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => ask<T>('POST', path, body);

/** The path of something whose id comes from outside. */
export const at = (...parts: string[]): string => `/api/${parts.map(encodeURIComponent).join('/')}`;
