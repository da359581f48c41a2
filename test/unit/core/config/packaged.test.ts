// The packaged configuration file and the documentation say what the program does.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileSchema } from '../../../../src/core/config/config.ts';
import { defaultConfig, parseConfig } from '../../../../src/core/config/parse-config.ts';
import { SEED_KEYS } from '../../../../src/core/config/seed-keys.ts';

function read(path: string): string {
  return readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');
}

/** Comments out of the way of what looks like a key or a table; a space after # marks prose. */
function uncommented(text: string): string {
  return text.replace(/^#(?=[a-z[])/gm, '');
}

describe('the packaged configuration', () => {
  const packaged = read('packaging/deb/config.toml');

  it('changes nothing as it is', () => {
    expect(parseConfig(packaged, 'config.toml')).toEqual({ config: defaultConfig(), warnings: [] });
  });

  it('shows the defaults', () => {
    expect(parseConfig(uncommented(packaged), 'config.toml').config).toEqual(defaultConfig());
  });

  it('names every word that a key accepts', () => {
    const keys = wordsOf(fileSchema);
    expect(keys.map(({ key }) => key)).toEqual(expect.arrayContaining(['driver', 'attach', 'mode']));
    for (const { key, words } of keys) {
      const [text = ''] = new RegExp(`(^# .*\\n)*^#${key} =.*`, 'm').exec(packaged) ?? [];
      for (const word of words) expect(text, `${key}: ${word}`).toContain(`"${word}"`);
    }
  });

  it('shows every key', () => {
    for (const key of keysOf(defaultConfig())) expect(packaged, key).toMatch(new RegExp(`^#${key} =`, 'm'));
  });
});

it('the documentation has every key', () => {
  const page = read('docs/config.md');
  for (const key of [...keysOf(defaultConfig()), ...SEED_KEYS]) expect(page, key).toContain(`\`${key}\``);
});

interface Shape {
  shape?: Record<string, Shape>;
  def: {
    innerType?: Shape;
    options?: readonly Shape[];
    entries?: Record<string, unknown>;
    values?: readonly unknown[];
  };
}

/** Keys that accept one of a few words, with the words. */
function wordsOf(schema: unknown): { key: string; words: string[] }[] {
  return Object.entries(inside(schema as Shape).shape ?? {}).flatMap(([key, field]) => {
    const words = literals(field);
    return inside(field).shape === undefined ? (words.length > 0 ? [{ key, words }] : []) : wordsOf(field);
  });
}

const inside = (schema: Shape): Shape =>
  schema.def.innerType === undefined ? schema : inside(schema.def.innerType);

function literals(schema: Shape): string[] {
  const { options = [], entries = {}, values = [] } = inside(schema).def;
  const own = [...Object.values(entries), ...values].filter((value) => typeof value === 'string');
  return [...own, ...options.flatMap(literals)];
}

function keysOf(value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' && !Array.isArray(inner) ? keysOf(inner as object) : [key],
  );
}
