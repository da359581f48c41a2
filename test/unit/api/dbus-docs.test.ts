// docs/dbus.md, the introspection XML and the table of methods name the same methods, with the same signatures; its tables
// name every field of every answer. With `-u` at the end of its command line, vitest makes the tables anew.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { introspectionXml, SIGNALS } from '../../../src/api/introspection-xml.ts';
import { pascalCase } from '../../../src/api/spelling.ts';
import { fieldsOf, shaped, withTables } from './answer-tables.ts';
import { allMethods } from './methods/methods.ts';

const page = readFileSync(new URL('../../../docs/dbus.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';
/** Cells of the rows whose first one begins with a name in code. */
const rows = (title: string) =>
  section(title)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
const names = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

interface Documented {
  name: string;
  in: string;
  out: string;
  isJson: boolean;
}

const documented = rows('Methods').flatMap(([methods, given, answer]): Documented[] =>
  names(methods).map((name) => ({
    name,
    in: names(given).join(''),
    out: names(answer).join(''),
    isJson: answer?.endsWith('JSON') === true,
  })),
);
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
const types = (list: readonly { type: string }[]) => list.map(({ type }) => type).join('');

const methods = await allMethods();

describe('the methods of docs/dbus.md', () => {
  it('are those of the table, with their signatures', () => {
    const table = methods.map(({ name, in: given, out, isJson }) => ({
      name,
      in: types(given),
      out: types(out),
      isJson,
    }));
    expect(table.length).toBeGreaterThan(25);
    expect(documented.sort(byName)).toEqual(table.sort(byName));
  });

  it('are those of the introspection, in both spellings', () => {
    const xml = introspectionXml(methods);
    const own = xml.slice(0, xml.indexOf('org.freedesktop.DBus.Introspectable'));
    const named = [...own.matchAll(/<method name="(\w+)">/g)].map(([, name]) => name);
    const wanted = documented.flatMap(({ name }) => [...new Set([pascalCase(name), name])]);
    expect(named.sort()).toEqual(wanted.sort());
  });

  it('have the names that no other has', () => {
    expect(new Set(methods.map(({ name }) => name)).size).toBe(methods.length);
  });
});

const inJson = await Promise.all(methods.filter(({ isJson }) => isJson).map(shaped));

describe('the answers in docs/dbus.md', () => {
  it('have a section each', () => {
    const sections = [...page.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(inJson.map(({ name }) => name).sort());
  });

  it.each(inJson.map((one) => [one.name, one] as const))('say what each field is: %s', (_, one) => {
    const fields = fieldsOf(one, inJson);
    expect(fields.length).toBeGreaterThan(3);
    expect(fields.filter(({ description = '', type }) => description === '' || type === '')).toEqual([]);
  });

  it('are tables of the fields that there are, with types and descriptions of their shapes', async () => {
    await expect(withTables(page, inJson)).toMatchFileSnapshot('../../../docs/dbus.md');
  });
});

describe('the signals of docs/dbus.md', () => {
  it('are those that are announced, with their arguments', () => {
    const told = rows('Signals').map(([name, args]) => [
      names(name)[0],
      names(args)
        .filter((type) => /^[a-z]$/.test(type))
        .join(''),
    ]);
    const table = Object.entries(SIGNALS).map(([name, args]) => [name, types(args)]);
    expect(told.sort()).toEqual(table.sort());
  });
});
