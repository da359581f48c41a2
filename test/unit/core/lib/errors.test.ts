import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../../../src/core/lib/errors.ts';
import { commandsIn } from '../../cli/commands-in.ts';

const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');

/** Rows whose first cell is a code: code, meaning, what to do. */
const rows = [...page.matchAll(/^\| `([a-z-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$/gm)].map(
  ([, code = '', ...cells]) => ({ code, cells: cells.map((cell) => cell.trim()) }),
);

describe('docs/errors.md', () => {
  it('has one row for every code, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it.each(rows)('says of $code what it means, what to do, and how a verb ends', ({ code, cells }) => {
    const [meaning = '', remedy = '', exitCode = ''] = cells;
    expect(meaning.length).toBeGreaterThan(20);
    expect(remedy.length).toBeGreaterThan(20);
    expect(exitCode).toBe(String(ERRORS[code as ErrorCode].exitCode));
  });

  it.each(rows)('names for $code the units and verbs that the terminal names', ({ code, cells }) => {
    const names = /[\w-]+\.(?:service|socket)\b|ovs-port-agent [a-z]+/g;
    for (const command of commandsIn(ERRORS[code as ErrorCode].remedy))
      for (const [name] of command.matchAll(names)) expect(cells.join(' ')).toContain(name);
  });
});
