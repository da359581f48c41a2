// Times as people write them on the command line: an instant, or a day or month from its beginning to its end.

import { AgentError } from '../core/lib/errors.ts';
import { quoted } from '../core/lib/quoted.ts';

/** Milliseconds of the epoch, both ends included. An instant begins and ends with itself. */
export interface TimeSpan {
  from: number;
  to: number;
}

const UNITS: readonly [pattern: RegExp, seconds: number][] = [
  [/^(?:s|secs?|seconds?)$/, 1],
  [/^(?:m|mins?|minutes?)$/, 60],
  [/^(?:h|hours?)$/, 3600],
  [/^(?:d|days?)$/, 86_400],
  [/^(?:w|weeks?)$/, 7 * 86_400],
];

const DATE = /^(\d{4})-(\d\d)(?:-(\d\d))?$/;
const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?([Zz]|[+-]\d\d:\d\d))?$/;

/**
 * `2h`, `30 min ago`, `2 hours ago`, `now`, `today`, `yesterday`, `2026-11`, `2026-11-23`, `2026-11-23 09:30`, or RFC 3339. Without an
 * offset from UTC it is local time. Throws `bad-argument`.
 */
export function parseTime(text: string): (now: Date) => TimeSpan {
  const words = text.trim();
  const found = ago(words) ?? day(words.toLowerCase()) ?? date(words) ?? instant(words);
  if (found !== undefined) return found;
  throw new AgentError(
    'bad-argument',
    `A time is such as "2 hours ago", 30min, today, yesterday, 2026-11-23, "2026-11-23 09:30" or 2026-11-23T08:30:00Z, not ${quoted(text, 40)}`,
  );
}

/** For `--since`: where it begins. */
export const parseSince = (text: string) => edge(text, 'from');

/** For `--until`: where it ends; a day or a month is meant whole. */
export const parseUntil = (text: string) => edge(text, 'to');

function edge(text: string, end: keyof TimeSpan): (now: Date) => number {
  const span = parseTime(text);
  return (now) => span(now)[end];
}

const at = (ms: number): TimeSpan => ({ from: ms, to: ms });

function ago(text: string): ((now: Date) => TimeSpan) | undefined {
  const [, amount = '', unit = ''] = /^(\d{1,6}) ?([a-z]{1,7})(?: ago)?$/i.exec(text) ?? [];
  const seconds = UNITS.find(([pattern]) => pattern.test(unit.toLowerCase()))?.[1];
  return seconds === undefined ? undefined : (now) => at(now.getTime() - Number(amount) * seconds * 1000);
}

function day(text: string): ((now: Date) => TimeSpan) | undefined {
  if (text === 'now') return (now) => at(now.getTime());
  const back = { today: 0, yesterday: 1 }[text];
  if (back === undefined) return undefined;
  // By the calendar: a day is not always 24 hours long.
  return (now) => days(now.getFullYear(), now.getMonth(), now.getDate() - back);
}

const days = (year: number, month: number, first: number): TimeSpan => ({
  from: new Date(year, month, first).getTime(),
  to: new Date(year, month, first + 1).getTime() - 1,
});

function date(text: string): ((now: Date) => TimeSpan) | undefined {
  const [, year = '', month = '', dayOfMonth] = DATE.exec(text) ?? [];
  if (year === '' || !isDate(Number(year), Number(month), Number(dayOfMonth ?? 1))) return undefined;
  const [y, m] = [Number(year), Number(month) - 1];
  if (dayOfMonth !== undefined) return () => days(y, m, Number(dayOfMonth));
  return () => ({ from: new Date(y, m, 1).getTime(), to: new Date(y, m + 1, 1).getTime() - 1 });
}

function instant(text: string): ((now: Date) => TimeSpan) | undefined {
  const parts = INSTANT.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, dayOfMonth = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  if (!isDate(year, month, dayOfMonth) || hour > 23 || minute > 59 || second > 59) return undefined;
  const ms = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const zone = parts[8];
  const found =
    zone === undefined
      ? new Date(year, month - 1, dayOfMonth, hour, minute, second, ms).getTime()
      : Date.UTC(year, month - 1, dayOfMonth, hour, minute, second, ms) - offsetMs(zone);
  return Number.isNaN(found) ? undefined : () => at(found);
}

function offsetMs(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number);
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function isDate(year: number, month: number, dayOfMonth: number): boolean {
  if (month < 1 || month > 12 || year < 1000) return false;
  return dayOfMonth >= 1 && dayOfMonth <= new Date(year, month, 0).getDate();
}
