// What the verifier of the package knows of blocks is what there is: it shares no code, so a new category must be told to it.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CATEGORIES, producerOf } from '../../../../src/core/ledger/categories.ts';

const program = readFileSync(new URL('../../../../packaging/deb/verify.py', import.meta.url), 'utf8');

it('the second verifier knows every category, and its producer', () => {
  const [, table = ''] = /^CATEGORIES = \{(.*?)\}$/ms.exec(program) ?? [];
  const known = [...table.matchAll(/"(\w+)": "([\w ]+)"/g)].flatMap(([, producer, categories = '']) =>
    categories.split(' ').map((category) => [category, producer]),
  );
  expect(new Map(known as [string, string][])).toEqual(
    new Map(CATEGORIES.map((category) => [category, producerOf(category)])),
  );
});

it('the second verifier has fewer than 150 lines', () => {
  expect(program.trimEnd().split('\n').length).toBeLessThan(150);
});
