/** The chosen language, and the words in it. */
import { de } from './de';
import { en, type Catalogue, type Word } from './en';

export type { Word };

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

const CATALOGUES: Record<Language, Catalogue> = { en, de };
const KEPT = 'symbia.language';

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'en' || kept === 'de') return kept;
  return navigator.language.toLowerCase().startsWith('de') ? 'de' : 'en';
}

export const chosen = $state({ language: first() });

export function speak(language: Language): void {
  chosen.language = language;
  localStorage.setItem(KEPT, language);
  document.documentElement.lang = language;
}

/** The word for a key in the chosen language, with `{fields}` filled in. */
export function say(word: Word, fields: Record<string, string | number> = {}): string {
  return CATALOGUES[chosen.language][word].replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? ''));
}

export function number(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return new Intl.NumberFormat(chosen.language, { maximumFractionDigits: digits }).format(value);
}

/** A number in few characters, for the canvas: 12,345 is 12.3K. */
export function short(value: number): string {
  return new Intl.NumberFormat(chosen.language, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

export function moment(text: string | null | undefined): string {
  if (!text) return '';
  return new Intl.DateTimeFormat(chosen.language, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(text));
}
