import { describe, expect, it } from 'vitest';
import { printable, safeJson } from '../../../src/cli/printable.ts';

describe('text from outside on a terminal', () => {
  it('cannot move the cursor or set a colour', () => {
    expect(printable('a\u001b[31mb\r\u0007\u009b2J')).toBe('a\\x1b[31mb\\x0d\\x07\\x9b2J');
  });

  it('cannot add lines', () => {
    expect(printable('a\nb\u2028c')).toBe('a\\x0ab\\u{2028}c');
  });

  it('cannot reorder or hide what stands beside it', () => {
    expect(printable('a\u202eb\u200bc')).toBe('a\\u{202e}b\\u{200b}c');
  });

  it('keeps every letter', () => {
    expect(printable('Gästé 服务器 "1"')).toBe('Gästé 服务器 "1"');
  });
});

describe('JSON output', () => {
  const nasty = { name: 'a\u001b[31m\u009b\u202e\u007f\nb', emoji: '😀' };

  it('is the same value when it is read again', () => {
    expect(JSON.parse(safeJson(nasty))).toEqual(nasty);
    expect(JSON.parse(safeJson(nasty, 2))).toEqual(nasty);
  });

  it('holds no control character but its own line ends', () => {
    expect(safeJson(nasty)).not.toMatch(/\p{Cc}|\p{Cf}/u);
    expect(safeJson(nasty, 2).replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });
});
