import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellWord } from '../../../../src/core/lib/shell-word.ts';

it('whatever the name, a shell makes that one word of it', () => {
  expect(['vi101', "it's", '', '-n', '$(id)'].map(shellWord)).toEqual([
    'vi101',
    "'it'\\''s'",
    "''",
    "'-n'",
    "'$(id)'",
  ]);
  const names = fc.sample(fc.string({ unit: fc.constantFrom(...' \'"`$(){}*?;&|<>\\~!#a-\n') }), 200);
  const said = execFileSync('sh', ['-c', `printf '%s\\0' ${names.map(shellWord).join(' ')}`], {
    encoding: 'utf8',
  });
  expect(said.split('\0').slice(0, -1)).toEqual(names);
});
