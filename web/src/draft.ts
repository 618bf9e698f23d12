// Texts not yet acknowledged by the node, kept in this browser so that nothing is lost when it dies.
//
// A draft is kept under account and study, written at every keystroke and removed when the node has acknowledged exactly this text.

import type { Section } from './api';

export interface Draft {
  template: string;
  sections: Section[];
  conclusion: string;
  assessment?: string;
  /** Version of the report that the text began from; null when there was none. */
  base: number | null;
  at: string;
}

const key = (account: string, studyUid: string): string => `badiano.draft.${account}.${studyUid}`;

export function keepDraft(account: string, studyUid: string, draft: Draft): boolean {
  try {
    localStorage.setItem(key(account, studyUid), JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function keptDraft(account: string, studyUid: string): Draft | null {
  try {
    const draft = JSON.parse(localStorage.getItem(key(account, studyUid)) ?? 'null') as Draft | null;
    return draft && Array.isArray(draft.sections) && typeof draft.conclusion === 'string' ? draft : null;
  } catch {
    return null;
  }
}

/** Forgets the draft if it still says what was acknowledged. */
export function forgetDraft(account: string, studyUid: string, at?: string): void {
  try {
    if (at === undefined || keptDraft(account, studyUid)?.at === at) localStorage.removeItem(key(account, studyUid));
  } catch {
    // Nothing was kept, then.
  }
}
