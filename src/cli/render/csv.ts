// Comma-separated values (RFC 4180), safe to open in a spreadsheet; pure.

import { printable } from '../printable.ts';

/** A spreadsheet takes a text that begins so for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** A header and a line for each record. Each line ends in a carriage return; the line feed is the printer's. */
export function csv(
  columns: readonly string[],
  records: readonly Readonly<Record<string, unknown>>[],
): string[] {
  const line = (cells: readonly unknown[]) => `${cells.map(field).join(',')}\r`;
  return [line(columns), ...records.map((record) => line(columns.map((name) => record[name])))];
}

function field(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value));
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}
