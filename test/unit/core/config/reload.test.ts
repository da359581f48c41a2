// Promises about a changed configuration: what runs on with it, what is told to wait, and what is read of a bad one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveKeys } from '../../../../src/core/config/origins.ts';
import {
  configFromData,
  defaultConfig,
  examineConfig,
  parseConfig,
  salvagedConfig,
} from '../../../../src/core/config/parse-config.ts';
import { planReload } from '../../../../src/core/config/reload.ts';
import { parseToml } from '../../../../src/core/config/toml.ts';

const config = (text: string) => parseConfig(text, 'config.toml').config;

function reload(before: string, after: string) {
  const { taken, restart, config: next } = planReload(config(before), config(after));
  return { next, taken: taken.map(({ key }) => key), restart: restart.map(({ key }) => key) };
}

describe('a reload', () => {
  it('takes over what every part reads anew', () => {
    const { taken, restart, next } = reload(
      '',
      'strict = true\nreconcile_interval = 5\n[docker]\nattach = "all"',
    );
    expect([taken, restart]).toEqual([['strict', 'reconcile_interval', 'docker.attach'], []]);
    expect(next).toMatchObject({ strict: true, reconcile_interval: 5, docker: { attach: 'all' } });
  });

  it('leaves the rest to a restart, and says so', () => {
    const { taken, restart, next } = reload('', 'driver = "ovsdb"\n[netmaker]\npools = ["192.0.2.0/24"]');
    expect([taken, restart]).toEqual([[], ['driver', 'netmaker.pools']]);
    expect(next).toEqual(defaultConfig());
  });

  it('keeps the bridges that are still in use', () => {
    const { next, restart } = reload('', 'default_bridge = "vmbr0"\n[bridges.vmbr1]');
    expect(Object.keys(next.bridges).sort()).toEqual(['ovsbr0', 'ovsbr1', 'vmbr0', 'vmbr1']);
    expect(restart).toEqual(['default_bridge', 'lxc.bridge']);
  });

  it('of the same file changes nothing, whatever the file', () => {
    const texts = fc.constantFrom(
      '',
      'strict = true',
      '[bridges.a]\n[bridges."b.c"]',
      '[netmaker]\nmode = "nat1to1"',
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { config: next, taken, restart } = planReload(config(text), config(text));
        expect([next, taken, restart]).toEqual([config(text), [], []]);
      }),
    );
  });

  it('twice comes to where the second alone does, as far as no restart is needed', () => {
    const texts = fc.constantFrom(
      '',
      'strict = true',
      'debounce_ms = 1',
      '[docker]\nnames = ["a*"]',
      '[bridges.a]\ncreate = false',
    );
    fc.assert(
      fc.property(texts, texts, (one, two) => {
        const between = planReload(defaultConfig(), config(one)).config;
        expect(planReload(between, config(two)).config).toEqual(config(two));
      }),
    );
  });
});

describe('a configuration with an error', () => {
  it('has all its problems told at once', () => {
    const { problems } = examineConfig('strickt = true\n[docker]\nattach = "most"\n[ledger]\npth = "/x"');
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).toMatch(/strickt: unknown key; did you mean "strict"\?/);
  });

  it('is read without its wrong keys, by who only reads', () => {
    const text =
      'strickt = true\nvmid_range = [1, 2]\n[ledger]\npath = "/srv/ledger.jsonl"\npth = 1\n[docker]\nattach = 3\nsocket = "/x"';
    expect(salvagedConfig(text)).toMatchObject({
      vmid_range: [1_000_000, 1_999_999],
      ledger: { path: '/srv/ledger.jsonl' },
      docker: { attach: 'netmaker', socket: '/x' },
    });
  });

  it('never ends a reader, whatever is in it', () => {
    const value = fc.constantFrom('1', '"x"', 'true', '[1]', '["203.0.113.0/24"]', '{ a = 1 }');
    const key = fc.constantFrom(
      'strict',
      'bridges',
      'docker',
      'netmaker',
      'ledger',
      'ledger_path',
      'zzz',
      'driver',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 6 }), fc.string(), (lines, junk) => {
        const text = lines.map(([name, said]) => `${name} = ${said}`).join('\n');
        for (const file of [text, `${text}\n${junk}`])
          expect(salvagedConfig(file).ledger.path).toMatch(/^\//);
      }),
    );
  });

  it('in force can be written down and read again', () => {
    const before = config('[bridges.vmbr0]\naddresses = ["10.0.0.1/24"]\n[netmaker]\nmode = "nat1to1"');
    expect(configFromData(JSON.parse(JSON.stringify(before)))).toEqual(before);
    expect(configFromData({ strict: 1 })).toBeUndefined();
  });
});

describe('where a value comes from', () => {
  const origins = (text: string) => {
    const toml = parseToml(text);
    const keys = effectiveKeys(config(text), toml.ok ? toml.data : {});
    return Object.fromEntries(keys.map(({ key, from }) => [key, from]));
  };

  it('is the file, a key of the first version, another key, or the default', () => {
    expect(origins('bridge_name = "vmbr0"\nstrict = false\n[docker]\nbridge = "vmbr1"')).toMatchObject({
      strict: 'file',
      default_bridge: 'file, as bridge_name',
      'lxc.bridge': 'default: as default_bridge',
      'docker.bridge': 'file',
      'netmaker.bridge': 'default: as docker.bridge',
      'ledger.path': 'default',
    });
  });

  it('is told of every key', () => {
    const flat = (value: object): number =>
      Object.values(value).reduce(
        (sum, inner) =>
          sum + (typeof inner === 'object' && !Array.isArray(inner) ? flat(inner as object) : 1),
        0,
      );
    expect(Object.keys(origins('')).length).toBe(flat(defaultConfig()));
  });
});
