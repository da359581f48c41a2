// Which firewalls keep the containers' connections from passing, by the rulesets that nft shows of them.

import { describe, expect, it } from 'vitest';
import { forwardObstacles, obstacleText } from '../../../../src/netmaker/gateway/forwarding.ts';

const pools = [{ family: 4 as const, subnet: '203.0.113.0/24', gateway: '203.0.113.1', prefix: 24 }];
const both = [...pools, { family: 6 as const, subnet: '2001:db8::/64', gateway: '2001:db8::1', prefix: 64 }];

type Expr = Record<string, unknown>;
const meta = (key: string, right: unknown, op = '==') => ({ match: { op, left: { meta: { key } }, right } });
const state = (...names: string[]) => ({
  match: { op: 'in', left: { ct: { key: 'state' } }, right: names.length === 1 ? names[0] : names },
});
const address = (field: string, right: unknown) => ({
  match: { op: '==', left: { payload: { protocol: 'ip', field } }, right },
});
const port = (right: unknown) => ({
  match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right },
});
const net = (addr: string, len: number) => ({ prefix: { addr, len } });
const accept = { accept: null };
const drop = { drop: null };
const reject = { reject: { type: 'icmpx', expr: 'admin-prohibited' } };
const jump = (target: string) => ({ jump: { target } });
const xt = { xt: { type: 'match', name: 'comment' } };

/** Chains of one table; the first is the base chain of the forward hook. */
function ruleset(
  chains: Record<string, Expr[][]>,
  { policy = 'accept', family = 'inet', table = 'filter', flags = {} as object } = {},
) {
  const place = { family, table };
  const [base = ''] = Object.keys(chains);
  return [
    { table: { family, name: table, ...flags } },
    ...Object.keys(chains).map((name) => ({
      chain: { ...place, name, ...(name === base && { type: 'filter', hook: 'forward', prio: 0, policy }) },
    })),
    ...Object.entries(chains).flatMap(([chain, rules]) =>
      rules.map((expr) => ({ rule: { ...place, chain, expr } })),
    ),
  ];
}
const judge = (objects: unknown[], wanted: typeof both | typeof pools = pools) =>
  forwardObstacles(
    JSON.stringify({ nftables: [{ metainfo: {} }, ...objects] }),
    wanted,
    'ovsbr1',
    () => 'uplink0',
  ).map((one) => `${one.family} ${one.direction} ${one.chain} ${one.verdict}`);

describe('a firewall lets them through', () => {
  it.each<[string, unknown[]]>([
    ['that has no rules', []],
    ['that accepts what it does not name', ruleset({ forward: [[state('invalid'), drop]] })],
    [
      'that names the bridge',
      ruleset(
        {
          f: [
            [meta('iifname', 'ovsbr1'), accept],
            [meta('oifname', { set: ['lo', 'ovsbr1'] }), accept],
          ],
        },
        { policy: 'drop' },
      ),
    ],
    [
      'that names the pool',
      ruleset({
        f: [
          [address('saddr', net('203.0.112.0', 23)), accept],
          [address('daddr', net('203.0.113.0', 24)), accept],
          [reject],
        ],
      }),
    ],
    [
      'that names the pool and hides the rest',
      ruleset(
        {
          f: [
            [address('saddr', net('203.0.113.0', 24)), xt, accept],
            [address('daddr', net('203.0.113.0', 24)), xt, accept],
          ],
        },
        { policy: 'drop' },
      ),
    ],
    [
      'that opens some ports for the bridge',
      ruleset({
        f: [
          [meta('iifname', 'ovs*'), port(51821), accept],
          [meta('oifname', 'ovs*'), port(443), accept],
          [drop],
        ],
      }),
    ],
    [
      'that drops for somebody else',
      ruleset({
        f: [
          [meta('iifname', 'docker0'), drop],
          [address('daddr', '198.51.100.7'), drop],
          [port(25), reject],
        ],
      }),
    ],
    ['that is dormant', ruleset({ f: [[drop]] }, { flags: { flags: ['dormant'] } })],
    ['that is ours', ruleset({ f: [[drop]] }, { table: 'ovs_port_agent' })],
    ['of the other family', ruleset({ f: [[drop]] }, { family: 'ip6' })],
    ['of a bridge', ruleset({ f: [[drop]] }, { family: 'bridge' })],
  ])('%s', (_, objects) => expect(judge(objects)).toEqual([]));
});

describe('a firewall stops them', () => {
  it('that drops by policy, also where Docker has its chains', () => {
    const docker = {
      FORWARD: [
        [jump('DOCKER-USER')],
        [meta('oifname', 'docker0'), xt, accept],
        [meta('iifname', 'docker0'), accept],
      ],
      'DOCKER-USER': [[{ return: null }]],
    };
    const stopped = ['4 out ip filter FORWARD policy drop', '4 in ip filter FORWARD policy drop'];
    expect(judge(ruleset(docker, { policy: 'drop', family: 'ip' }))).toEqual(stopped);
    const excepted = {
      ...docker,
      'DOCKER-USER': [
        [
          address('saddr', net('203.0.113.0', 24)),
          meta('iifname', 'ovsbr1'),
          meta('oifname', 'uplink0'),
          xt,
          accept,
        ],
        [
          address('daddr', net('203.0.113.0', 24)),
          meta('iifname', 'uplink0'),
          meta('oifname', 'ovsbr1'),
          xt,
          accept,
        ],
        [{ return: null }],
      ],
    };
    expect(judge(ruleset(excepted, { policy: 'drop', family: 'ip' }))).toEqual([]);
    // Docker's exceptions end Docker's chain; another firewall beside it has the last word.
    const own = ruleset({ forward: [[state('established', 'related'), accept], [reject]] });
    expect(judge([...ruleset(excepted, { policy: 'drop', family: 'ip' }), ...own])).toEqual([
      '4 out inet filter forward reject',
      '4 in inet filter forward reject',
    ]);
  });

  it('that ends in a reject, as firewalld does, although its policy is accept', () => {
    const firewalld = {
      filter_FORWARD: [
        [state('established', 'related'), accept],
        [{ match: { op: 'in', left: { ct: { key: 'status' } }, right: 'dnat' } }, accept],
        [meta('iifname', 'lo'), accept],
        [state('invalid'), drop],
        [jump('filter_FORWARD_POLICIES')],
        [reject],
      ],
      filter_FORWARD_POLICIES: [
        [meta('iifname', 'eno1'), meta('oifname', 'eno2'), jump('x')],
        [jump('x')],
        [{ return: null }],
      ],
      x: [[port(22), accept]],
    };
    expect(judge(ruleset(firewalld), both)).toEqual([
      '4 out inet filter filter_FORWARD reject',
      '4 in inet filter filter_FORWARD reject',
      '6 out inet filter filter_FORWARD reject',
      '6 in inet filter filter_FORWARD reject',
    ]);
  });

  it('that drops in a chain far down, by a map or by a named set', () => {
    const chains = {
      f: [[meta('oifname', 'ovsbr1'), { goto: { target: 'g' } }]],
      g: [[jump('h')]],
      h: [[drop]],
    };
    expect(judge(ruleset(chains))).toEqual(['4 in inet filter h drop']);
    const map = {
      vmap: {
        key: { meta: { key: 'iifname' } },
        data: {
          set: [
            ['lo', accept],
            ['ovsbr1', drop],
          ],
        },
      },
    };
    expect(judge(ruleset({ f: [[map]] }))).toEqual(['4 out inet filter f drop']);
    const set = { set: { family: 'inet', table: 'filter', name: 'bad', elem: [net('203.0.113.0', 24)] } };
    expect(judge([...ruleset({ f: [[address('saddr', '@bad'), drop]] }), set])).toEqual([
      '4 out inet filter f drop',
    ]);
  });

  it('that lets all out, and none in', () => {
    expect(judge(ruleset({ f: [[meta('iifname', 'uplink0', '!='), accept], [drop]] }))).toEqual([
      '4 in inet filter f drop',
    ]);
  });

  it('in words that say where, and what to do', () => {
    const obstacle = { family: 4, direction: 'in', chain: 'inet filter f', verdict: 'reject' } as const;
    expect(obstacleText(obstacle, 'ovsbr1')).toBe(
      'the firewall stops new IPv4 connections towards the containers: chain inet filter f ends in reject; accept oifname "ovsbr1" there',
    );
  });
});

it('does not follow chains that call each other for ever', () => {
  expect(judge(ruleset({ f: [[jump('g')]], g: [[jump('f')]] }))).toEqual([]);
});
