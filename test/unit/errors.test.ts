import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/failure.ts';
import { type ErrorCode, REMEDIES } from '../../src/core/lib/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Rows whose first cell is a code: code, meaning, what to do. */
const rows = [...page.matchAll(/^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$/gm)].map(
  ([, code = '', ...cells]) => ({ code, cells: cells.map((cell) => cell.trim()) }),
);

describe('docs/errors.md', () => {
  it('has one row for every code, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(REMEDIES).sort());
  });

  it.each(rows)('says of $code what it means, what to do, and how a verb ends', ({ code, cells }) => {
    const [meaning = '', remedy = '', exitCode = ''] = cells;
    expect(meaning.length).toBeGreaterThan(20);
    expect(remedy.length).toBeGreaterThan(20);
    expect(exitCode).toBe(String(exitCodeOf(code as ErrorCode)));
  });
});
