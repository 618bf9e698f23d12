// The language of the pages: Mexican Spanish first, English on request; dates and numbers in the same.

import { words } from './words';

export type Language = 'es' | 'en';
export type Word = keyof typeof words;
const KEPT = 'badiano.language';

function kept(): Language {
  try {
    return localStorage.getItem(KEPT) === 'en' ? 'en' : 'es';
  } catch {
    return 'es';
  }
}

let language = $state<Language>(kept());

export const currentLanguage = (): Language => language;

export function setLanguage(next: Language): void {
  language = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // The choice then lasts as long as the page.
  }
}

/** `es-MX` or `en`, for `lang`, Accept-Language and Intl. */
export const locale = (): string => (language === 'en' ? 'en' : 'es-MX');

/** A sentence of the table; `{name}` is filled in. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const sentence = words[word][language === 'en' ? 1 : 0];
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A code of a standard in words; the code itself where the table has none. */
export function coded(prefix: string, code: string): string {
  const word = `${prefix}.${code}`;
  return word in words ? t(word as Word) : code;
}

/** An instant in the reader's own zone. */
export function moment(instant: string): string {
  const date = new Date(instant);
  if (!instant || Number.isNaN(date.getTime())) return instant;
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(date);
}

/** A date at the precision it has: 1980, 1980-05, 1980-05-14. */
export function day(date: string): string {
  const [, year, month, dayOfMonth] = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?/.exec(date) ?? [];
  if (!year) return date;
  const at = new Date(Date.UTC(Number(year), Number(month ?? 1) - 1, Number(dayOfMonth ?? 1)));
  const options: Intl.DateTimeFormatOptions = { timeZone: 'UTC', year: 'numeric' };
  if (month) options.month = 'short';
  if (dayOfMonth) options.day = 'numeric';
  return new Intl.DateTimeFormat(locale(), options).format(at);
}

/** How long ago, roughly: «hace 3 h». */
export function ago(instant: string): string {
  const seconds = (new Date(instant).getTime() - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return instant;
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
  if (Math.abs(seconds) < 3600) return format.format(Math.round(seconds / 60), 'minute');
  if (Math.abs(seconds) < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
  return format.format(Math.round(seconds / 86_400), 'day');
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** «300 imágenes». */
export const images = (value: number): string => (value === 1 ? t('study.image') : t('study.images', { count: count(value) }));

export function bytes(value: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: units[step]!, maximumFractionDigits: step > 2 ? 1 : 0 }).format(value / 10 ** (3 * step));
}
