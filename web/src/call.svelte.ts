// Calls to /api: language, anti-forgery token, refusals as one kind of error, and the session that all pages share.

import type { Refusal, RefusalCode, Session } from './api';
import { locale, t } from './language.svelte';

/** A refusal as answered, or `unreachable` when no answer came. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: RefusalCode | 'unreachable', text: string, readonly detail = '') {
    super(text);
  }
}

/** Longest wait for an answer; a question to the whole country has a deadline of its own well below. */
const WAIT_MS_MAX = 60_000;

let session = $state<Session | null>(null);
export const currentSession = (): Session | null => session;
export const takeSession = (next: Session | null): void => void (session = next);

/** In whose place the citizen acts in this window; the id of a representation, and the person's name. */
export interface InPlace { id: string; name: string }
const IN_PLACE_OF = 'x-badiano-in-place-of';
let acting = $state<InPlace | null>(null);
export const inPlace = (): InPlace | null => acting;
export const actInPlace = (next: InPlace | null): void => void (acting = next);
/** A link is followed without our header: it names the representation, which tells nothing, in its query. */
export const linked = (path: string): string => (acting ? `${path}${path.includes('?') ? '&' : '?'}${IN_PLACE_OF}=${encodeURIComponent(acting.id)}` : path);

/** A file as the body of a POST. */
export async function send<T>(path: string, type: string, file: Blob): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': locale(), 'Content-Type': type };
  if (session?.csrf) headers['X-CSRF-Token'] = session.csrf;
  const sent = fetch(path, { method: 'POST', headers, body: file, cache: 'no-store', credentials: 'same-origin' });
  const answer = await sent.catch(() => null);
  if (!answer) throw new Refused(0, 'unreachable', t('fault.unreachable'));
  if (!answer.ok) throw await refusalOf(answer);
  return (await answer.json()) as T;
}

export async function call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', 'Accept-Language': locale() };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && session?.csrf) headers['X-CSRF-Token'] = session.csrf;
  if (acting && path.startsWith('/api/me') && !path.startsWith('/api/me/representatives')) headers[IN_PLACE_OF] = acting.id;
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'same-origin',
      signal: AbortSignal.timeout(WAIT_MS_MAX),
    });
  } catch {
    throw new Refused(0, 'unreachable', t('fault.unreachable'));
  }
  if (!answer.ok) throw await refusalOf(answer);
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function refusalOf(answer: Response): Promise<Refused> {
  const refusal = (await answer.json().catch(() => null)) as Refusal | null;
  const code = refusal?.code ?? (answer.status === 404 ? 'not_found' : 'unavailable');
  // A sign-in that has run out: back to the door, with the page kept in the address.
  if (code === 'unauthenticated' && session?.user) session = { ...session, user: null, csrf: '' };
  return new Refused(answer.status, code, refusal?.text ?? t('fault.status', { status: answer.status }), refusal?.detail ?? '');
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>('POST', path, body);

export async function refreshSession(): Promise<void> {
  session = await get<Session>('/api/session');
}

/** What went wrong, for the person. */
export const textOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));

/** The address of a study in the viewer; through the hub when another hospital holds it. */
export function viewerAddress(studyUid: string, national = false): string {
  const query = new URLSearchParams({ StudyInstanceUIDs: studyUid, lng: locale() === 'en' ? 'en-US' : 'es' });
  return `/visor/viewer${national ? '/nacional' : ''}?${query}`;
}
