// The packaged configuration file and the documentation say what the program does.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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

  it('shows every key', () => {
    for (const key of keysOf(defaultConfig())) expect(packaged, key).toMatch(new RegExp(`^#${key} =`, 'm'));
  });
});

it('the documentation has every key', () => {
  const page = read('docs/config.md');
  for (const key of [...keysOf(defaultConfig()), ...SEED_KEYS]) expect(page, key).toContain(`\`${key}\``);
});

function keysOf(value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' && !Array.isArray(inner) ? keysOf(inner as object) : [key],
  );
}
