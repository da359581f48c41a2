// docs/ports.md names every key of a port's file in /run, and no others.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { interfaceBindingsSchema } from '../../../src/api/answers/introspect.ts';
import { bindingSchema } from '../../../src/state/binding-format.ts';

const page = readFileSync(new URL('../../../docs/ports.md', import.meta.url), 'utf8');

it('docs/ports.md has every key of a binding file', () => {
  const section =
    page.split(/^## /m).find((part) => part.startsWith('Files for tools that read files\n')) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, key]) => key),
  );
  const keys = [...Object.keys(bindingSchema.shape), ...Object.keys(interfaceBindingsSchema.valueType.shape)];
  expect(named.sort()).toEqual([...new Set(keys)].sort());
});
