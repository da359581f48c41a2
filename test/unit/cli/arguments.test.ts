import { describe, expect, it } from 'vitest';
import {
  parseCategory,
  parseCount,
  parseGuestName,
  parseHead,
  parseHeights,
  parseInterfaceName,
  parseNicIndex,
  parseVmid,
} from '../../../src/cli/arguments.ts';

describe('a VMID on the command line', () => {
  it('is a whole number from 100 to 999999999', () => {
    expect([parseVmid('100'), parseVmid('999999999')]).toEqual([100, 999_999_999]);
  });

  it.each(['0', '99', '1000000000', '4294967296', '-5', '0100', '1e3', '100.0', ' 100', 'abc', ''])(
    'is not %j, and the error shows it',
    (text) => {
      expect(() => parseVmid(text)).toThrow(`A VMID is a whole number from 100 to 999999999, not "${text}"`);
    },
  );

  it('does not fill the terminal when it is long', () => {
    expect(() => parseVmid('9'.repeat(300))).toThrow(/^.{1,110}$/);
  });
});

describe('names on the command line', () => {
  it.each(['a/b', '..', 'a b', 'a\nb', 'x'.repeat(300), ''])('refuse %j as an interface', (text) => {
    expect(() => parseInterfaceName(text)).toThrow(/^An interface name/);
  });

  it.each(['a/b', '..', 'a b', 'a\nb', 'x'.repeat(300), ''])('refuse %j as a guest', (text) => {
    expect(() => parseGuestName(text)).toThrow(/^A guest name/);
  });
});

describe('numbers on the command line', () => {
  it('NIC indices go from 0 to 999', () => {
    expect([parseNicIndex('0'), parseNicIndex('999')]).toEqual([0, 999]);
    for (const text of ['1000', '-1', '00', 'x', ''])
      expect(() => parseNicIndex(text)).toThrow('A NIC index');
  });

  it('counts are whole', () => {
    expect(parseCount('0')).toBe(0);
    for (const text of ['-1', '1.5', '10000000', 'ten']) expect(() => parseCount(text)).toThrow('A count');
  });
});

describe('heights of blocks', () => {
  const max = Number.MAX_SAFE_INTEGER;

  it.each([
    ['42', 42, 42],
    ['40..42', 40, 42],
    ['40..', 40, max],
    ['..42', 1, 42],
  ])('%s is from %i to %i', (text, from, to) => {
    expect(parseHeights(text)).toEqual({ from, to });
  });

  it.each(['0', '5..2', '..', '', '1...2', '1-2', 'x', '99999999999999999999'])('are never %j', (text) => {
    expect(() => parseHeights(text)).toThrow('Heights are HEIGHT or FROM..TO');
  });
});

describe('a head to compare with', () => {
  const hash = 'ab'.repeat(32);

  it('is read as ledger verify prints it', () => {
    expect(parseHead(`42:${hash}`)).toEqual({ height: 42, hash });
    expect(parseHead(`#42 ${hash}`)).toEqual({ height: 42, hash });
  });

  it.each(['42', `42:${'ab'.repeat(31)}`, `x:${hash}`, `42:${hash.toUpperCase()}`])('is never %j', (text) => {
    expect(() => parseHead(text)).toThrow('A head is HEIGHT:HASH');
  });
});

describe('a category', () => {
  it('is one of the ledger, or the error lists them', () => {
    expect(parseCategory('port')).toBe('port');
    expect(() => parseCategory('prt')).toThrow(/no ledger category "prt"; there are bridge, interface/);
    expect(() => parseCategory('constructor')).toThrow('no ledger category');
  });
});
