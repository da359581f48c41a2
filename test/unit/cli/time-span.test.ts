import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSince, parseTime, parseUntil } from '../../../src/cli/time-span.ts';
import { isAgentError } from '../../../src/core/lib/errors.ts';

const NOW = new Date(2026, 10, 23, 9, 30, 40, 500);
const local = (...parts: [number, number, number, number?, number?, number?, number?]) =>
  new Date(...(parts as [number, number, number])).getTime();

describe('a time on the command line', () => {
  it.each([
    ['2 hours ago', 2 * 3600],
    ['1 hour ago', 3600],
    ['30min', 1800],
    ['5 m', 300],
    ['90s', 90],
    ['1d', 86_400],
    ['2 weeks ago', 14 * 86_400],
    ['0s', 0],
    ['now', 0],
  ])('may be so long ago: %s', (text, seconds) => {
    const ms = NOW.getTime() - seconds * 1000;
    expect(parseTime(text)(NOW)).toEqual({ from: ms, to: ms });
  });

  it('may be a day or a month, which begins and ends', () => {
    const today = { from: local(2026, 10, 23), to: local(2026, 10, 24) - 1 };
    expect(parseTime('today')(NOW)).toEqual(today);
    expect(parseTime('2026-11-23')(NOW)).toEqual(today);
    expect(parseTime('Yesterday')(NOW)).toEqual({ from: local(2026, 10, 22), to: local(2026, 10, 23) - 1 });
    expect(parseTime('2026-02')(NOW)).toEqual({ from: local(2026, 1, 1), to: local(2026, 2, 1) - 1 });
    expect([parseSince('2026-11-23')(NOW), parseUntil('2026-11-23')(NOW)]).toEqual([today.from, today.to]);
  });

  it.each([
    ['2026-11-23 09:30', local(2026, 10, 23, 9, 30)],
    ['2026-11-23T09:30:05', local(2026, 10, 23, 9, 30, 5)],
    ['2026-11-23 09:30:05.25', local(2026, 10, 23, 9, 30, 5, 250)],
    ['2026-11-23T08:30:00Z', Date.UTC(2026, 10, 23, 8, 30)],
    ['2026-11-23t08:30:00.123456z', Date.UTC(2026, 10, 23, 8, 30, 0, 123)],
    ['2026-11-23T08:30:00+05:30', Date.UTC(2026, 10, 23, 3, 0)],
    ['2026-11-23 08:30 -01:00', Date.UTC(2026, 10, 23, 9, 30)],
  ])('may be an instant, local or RFC 3339: %s', (text, ms) => {
    expect(parseTime(text)(NOW)).toEqual({ from: ms, to: ms });
  });

  it.each([
    ...[
      '',
      'soon',
      '2h3',
      'ago',
      '2 fortnights',
      '1234567s',
      '-2h',
      '42',
      '2026-13',
      '2026-02-30',
      '2026-2-3',
    ],
    ...['2026-11-23 24:00', '2026-11-23 09:60', '2026-11-23T09:30:00+25:00', '2026-11-23 09', '0999-01-01'],
    '2026-11-23 09:30 CET',
  ])('is refused with what is accepted: %s', (text) => {
    const parse = () => parseTime(text);
    expect(parse).toThrow(/A time is such as "2 hours ago"/);
    try {
      parse();
    } catch (error) {
      expect(isAgentError(error, 'bad-argument')).toBe(true);
    }
  });

  it('is read as RFC 3339 has it, whatever the instant', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
        (date) => {
          expect(parseSince(date.toISOString())(NOW)).toBe(date.getTime());
        },
      ),
    );
  });
});
