import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clearCommands, rulesetCommands as rulesetOf } from '../../../../src/netmaker/gateway/ruleset.ts';
import { mergedPorts } from '../../../../src/netmaker/gateway/service-ports.ts';
import type { GatewaySpec } from '../../../../src/netmaker/gateway/spec.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';
import { host, link, pool4, pool6, spec } from './host.ts';

// biome-ignore lint/suspicious/noExplicitAny: nft's own JSON, looked into at many places
type Command = any;
const rulesetCommands = (one: GatewaySpec) => rulesetOf(one, host());
const added = (kind: string, commands: Command[]) => commands.flatMap(({ add }) => add?.[kind] ?? []);
const rules = (chain: string, commands: Command[]) =>
  added('rule', commands)
    .filter((rule) => rule.chain === chain)
    .map(({ expr }) => JSON.stringify(expr));
const set = (name: string, commands: Command[]) =>
  [...added('set', commands), ...added('map', commands)].find((one) => one.name === name)?.elem;

describe('the table', () => {
  it('is replaced as a whole, in one transaction', () => {
    const table = { family: 'inet', name: 'ovs_port_agent' };
    const arp = { family: 'arp', name: 'ovs_port_agent' };
    expect(clearCommands()).toEqual([
      { add: { table } },
      { delete: { table } },
      { add: { table: arp } },
      { delete: { table: arp } },
    ]);
    expect(rulesetCommands(spec()).slice(0, 5)).toEqual([...clearCommands(), { add: { table } }]);
  });

  it('keeps the source of what leaves, before any other rule can change it', () => {
    const commands = rulesetCommands(spec());
    expect(added('chain', commands)).toContainEqual(
      expect.objectContaining({ name: 'own_address', type: 'nat', hook: 'postrouting', prio: 90 }),
    );
    expect(JSON.parse(rules('own_address', commands)[0] ?? '')).toEqual([
      { match: { op: '!=', left: { meta: { key: 'oifname' } }, right: 'ovsbr1' } },
      { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@containers4' } },
      { snat: { family: 'ip', addr: { payload: { protocol: 'ip', field: 'saddr' } } } },
    ]);
  });

  it('lets in what an address allows, and counts and drops the rest', () => {
    const commands = rulesetCommands(
      spec({
        pools: [pool6],
        published: [
          { port: 'vi1', address: '203.0.113.10', allowIn: ['icmp', '51821-51830/udp', '443/tcp'] },
          { port: 'vi2', address: '203.0.113.11', allowIn: ['all'] },
          { port: 'vi2', address: '2001:db8:7::b', allowIn: [] },
        ],
      }),
    );
    expect(set('containers4', commands)).toEqual(['203.0.113.10', '203.0.113.11']);
    expect(set('containers6', commands)).toEqual(['2001:db8:7::b']);
    expect(set('open4', commands)).toEqual(['203.0.113.11']);
    expect(set('icmp4', commands)).toEqual(['203.0.113.10']);
    expect(set('ports4', commands)).toEqual([
      { concat: ['203.0.113.10', 'tcp', 443] },
      { concat: ['203.0.113.10', 'udp', { range: [51821, 51830] }] },
    ]);
    const drops = rules('to_containers', commands).filter((rule) => rule.includes('"drop"'));
    expect(drops).toEqual([
      expect.stringMatching(/containers4.*"counter":"refused"/),
      expect.stringMatching(/containers6.*"counter":"refused"/),
    ]);
  });

  it('lets nothing from a container go past the bridge', () => {
    const drop = [
      { match: { op: '==', left: { meta: { key: 'iifname' } }, right: '@ports' } },
      { drop: null },
    ];
    const commands = rulesetCommands(spec());
    expect(set('ports', commands)).toEqual(['vi100']);
    expect(rules('own_sources', commands)[0]).toBe(JSON.stringify(drop));
    expect(rules('past_the_bridge', commands)[0]).toBe(JSON.stringify(drop));
  });

  it('answers for the gateway at no port, not even at one that it does not know yet', () => {
    const asked = (pools: readonly Pool[]) =>
      rules('past_the_bridge', rulesetCommands(spec({ pools, published: [] }))).slice(1);
    expect(asked([pool4, pool6]).map((rule) => JSON.parse(rule))).toEqual([
      [
        { match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'vi*' } },
        { match: { op: '!=', left: { meta: { key: 'iifname' } }, right: 'ovsbr1' } },
        {
          match: {
            op: '==',
            left: { payload: { protocol: 'arp', field: 'daddr ip' } },
            right: { set: ['203.0.113.1'] },
          },
        },
        { drop: null },
      ],
    ]);
    expect(asked([pool6])).toEqual([]);
  });

  it('has as many rules for two hundred containers as for one', () => {
    const many = Array.from({ length: 200 }, (_, at) => ({
      port: `vi${at}`,
      address: `203.0.113.${at + 10}`,
      allowIn: ['icmp', '443/udp'],
    }));
    const count = (one: Partial<Parameters<typeof spec>[0]>) =>
      added('rule', rulesetCommands(spec(one))).length;
    expect(count({ published: many })).toBe(count({}));
  });

  it('has no rule for the host’s services where all are open', () => {
    expect(rules('to_host', rulesetCommands(spec()))).toEqual([]);
  });

  it('leaves neighbour discovery and what is listed where not all are open', () => {
    const said = rules('to_host', rulesetCommands(spec({ hostServices: ['icmp', '53/udp'] })));
    const bySource = (source: string) => said.filter((rule) => rule.includes(source));
    // For IPv6 a container has two: its address, and the link-local one of its card.
    for (const source of ['@pools4', '@pools6', '@locals6']) {
      expect(bySource(source).filter((rule) => rule.includes('"udp"') && rule.includes('53'))).toHaveLength(
        1,
      );
      expect(bySource(source).at(-1)).toContain('refused_by_host');
    }
    for (const source of ['@pools6', '@locals6'])
      expect(bySource(source).filter((rule) => rule.includes('nd-neighbor-solicit'))).toHaveLength(1);
  });

  it('knows the link-local address of each card', () => {
    const commands = rulesetCommands(
      spec({ published: [{ port: 'vi1', address: '203.0.113.10', mac: '02:00:00:00:00:01', allowIn: [] }] }),
    );
    expect(JSON.stringify(commands)).toContain('"elem":["fe80::ff:fe00:1"]');
  });

  it('keeps containers apart at the gateway where they are to be isolated, before any reply is let in', () => {
    const first = (isolate: boolean) => rules('to_containers', rulesetCommands(spec({ isolate })))[0];
    expect(first(true)).toMatch(/@containers4.*@containers4.*drop/);
    expect(first(false)).toContain('established');
  });

  it('translates both ways with nat1to1, and filters by what the container has', () => {
    const commands = rulesetCommands(
      spec({
        mode: 'nat1to1',
        published: [{ port: 'vi1', address: '203.0.113.10', inside: '10.218.0.10', allowIn: ['all'] }],
      }),
    );
    expect(set('inside4', commands)).toEqual([['203.0.113.10', '10.218.0.10']]);
    expect(set('public4', commands)).toEqual([['10.218.0.10', '203.0.113.10']]);
    expect(set('open4', commands)).toEqual(['10.218.0.10']);
    expect(rules('own_address', commands).filter((rule) => rule.includes('@public4'))).toHaveLength(2);
  });

  it('goes on counting where the one before stopped', () => {
    const commands = rulesetOf(spec(), host(), new Map([['refused', { packets: 7, bytes: 420 }]]));
    expect(added('counter', commands)).toContainEqual(
      expect.objectContaining({ name: 'refused', packets: 7, bytes: 420 }),
    );
  });
});

describe('a source address of a pool', () => {
  const noWayBack = {
    match: { op: '==', left: { fib: { result: 'oif', flags: ['saddr', 'iif'] } }, right: false },
  };
  const dropped = (commands: Command[]) =>
    rules('own_sources', commands)
      .slice(1)
      .map((rule) => JSON.parse(rule) as Command[]);

  it('that nobody holds comes from nowhere where a route does not lead there', () => {
    const [, , alone, ...six] = dropped(rulesetCommands(spec()));
    expect(alone).toEqual([
      { match: { op: '!=', left: { meta: { key: 'iifname' } }, right: { set: ['ovsbr1', 'lo'] } } },
      { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@alone4' } },
      { match: { op: '!=', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@reserved4' } },
      noWayBack,
      { counter: 'spoofed' },
      { drop: null },
    ]);
    expect(six).toHaveLength(3);
  });

  it('never comes from a network of Docker’s, be it reserved or held by a neighbour at the uplink', () => {
    const commands = rulesetCommands(spec({ dockerBridges: ['docker0', 'br-0123456789ab', 'docker0'] }));
    expect(dropped(commands)[1]).toEqual([
      { match: { op: '==', left: { meta: { key: 'iifname' } }, right: '@docker_bridges' } },
      { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@pools4' } },
      noWayBack,
      { counter: 'spoofed' },
      { drop: null },
    ]);
    expect(set('docker_bridges', commands)).toEqual(['br-0123456789ab', 'docker0']);
  });

  it('is the administrator’s to use where it is reserved', () => {
    const reserved = ['203.0.113.9', '203.0.113.20-203.0.113.29', '203.0.113.128/25', '2001:db8:7::8/127'];
    const commands = rulesetCommands(spec({ reserved, pools: [pool4, pool6] }));
    expect(set('reserved4', commands)).toEqual([
      '203.0.113.9',
      { range: ['203.0.113.20', '203.0.113.29'] },
      { range: ['203.0.113.128', '203.0.113.255'] },
    ]);
    expect(set('reserved6', commands)).toEqual([{ range: ['2001:db8:7::8', '2001:db8:7::9'] }]);
  });

  it.each([
    ['no other subnet has a part in it', [], {}, true],
    ['the host has a single address of it', ['203.0.113.77/32'], {}, true],
    ['it lies in a subnet of the host', ['203.0.112.10/23'], {}, false],
    ['a part of it is a subnet of the host', ['203.0.113.129/25'], {}, false],
    ['the configuration says that it is on the link', [], { onLink: true }, false],
  ] as const)('is its containers’ alone or not: %s', (_, addresses, more, isAlone) => {
    const there = host({ links: { eno2: link(3, [...addresses]), ovsbr1: link(7, ['203.0.113.1/24']) } });
    expect(set('alone4', rulesetOf(spec(more), there))?.length ?? 0).toBe(isAlone ? 1 : 0);
  });
});

describe('ports', () => {
  const ports = fc.integer({ min: 1, max: 200 });
  const rule = fc
    .tuple(ports, ports, fc.constantFrom('tcp', 'udp'))
    .map(([a, b, protocol]) => `${Math.min(a, b)}-${Math.max(a, b)}/${protocol}`);

  it('are merged into ranges that say the same and do not overlap', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 8 }), (given) => {
        const covered = (port: number, protocol: string) => (text: string) => {
          const [from = 0, to = 0] = text.split(/[-/]/).map(Number);
          return text.endsWith(protocol) && from <= port && port <= to;
        };
        const merged = mergedPorts(given);
        for (const protocol of ['tcp', 'udp'] as const) {
          for (let port = 0; port <= 201; port++) {
            const times = merged.filter(([of, range]) => {
              const [low, high] = typeof range === 'number' ? [range, range] : range.range;
              return of === protocol && low <= port && port <= high;
            }).length;
            expect(times).toBe(given.some(covered(port, protocol)) ? 1 : 0);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
