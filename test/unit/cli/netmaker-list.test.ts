import { describe, expect, it } from 'vitest';
import { compactSize, durationText } from '../../../src/cli/render/quantity.ts';
import { type ContainerParts, containerReport } from '../../../src/netmaker/report.ts';
import { AT, peer, S, sight, wg } from '../netmaker/wireguard/sights.ts';
import { cli } from './fake.ts';

const report = (more: Partial<ContainerParts>) =>
  containerReport(
    {
      container: 'netmaker',
      id: 'ab'.repeat(32),
      image: 'gravitl/netmaker:v1.5.1',
      decision: 'attached',
      reason: 'image gravitl/netmaker',
      mode: 'routed',
      ...more,
    },
    AT,
  );

const node = report({
  container: 'netclient-a',
  role: 'client',
  port: 'vi1000001',
  addresses: ['203.0.113.3', '2001:db8::3'],
  mesh: sight([
    wg([
      peer(1, { rx: 20 * 1024 * 1024, tx: 1500 }),
      peer(2, { lastHandshake: S - 900, tx: 0 }),
      peer(3, { lastHandshake: null }),
    ]),
  ]),
  spoofed: { mac: 1, arp: 2, nd: 0, ipv4: 4, ipv6: 0 },
});
const server = report({ role: 'server', port: 'vi1000000', addresses: ['203.0.113.2'] });
const skipped = report({
  container: 'netclient-h',
  decision: 'skipped',
  reason: 'it shares the network of the host',
});
const stranger = report({ container: 'caddy', decision: 'not-netmaker', reason: 'nothing says it is one' });
const waiting = report({
  container: 'netclient-b',
  role: 'client',
  decision: 'waiting',
  reason: 'the pool is exhausted',
});

const list = (reports: unknown, ...more: string[]) =>
  cli(['netmaker', 'list', ...more], { agent: { ListNetmakerContainers: JSON.stringify(reports) } });

describe('netmaker list', () => {
  it('shows who has which address, how the mesh is, and why others have none', async () => {
    const { code, out, err } = await list([stranger, skipped, node, waiting, server]);
    expect([code, err]).toEqual([0, []]);
    expect(out).toEqual([
      'CONTAINER    ROLE    PORT       ADDRESS                  STATE     HEALTH   PEERS  HANDSHAKE  RX/TX     SPOOFED',
      'netclient-a  client  vi1000001  203.0.113.3,2001:db8::3  attached  healthy  1/3    10 s ago   20M/1.5K  7',
      'netclient-b  client  -          -                        waiting   -        -      -          -         -',
      'netmaker     server  vi1000000  203.0.113.2              attached  -        -      -          -         -',
      '',
      'Not attached:',
      '  netclient-b  waiting  the pool is exhausted',
      '  netclient-h  skipped  it shares the network of the host',
    ]);
  });

  it('says whose WireGuard interfaces are not all looked at', async () => {
    expect((await list([{ ...node, wireguard_left_out: 4 }])).out.at(-1)).toBe(
      `netclient-a has ${node.wireguard.length + 4} WireGuard interfaces; only ${node.wireguard.length} of them are looked at.`,
    );
  });

  it('shows containers that are not of Netmaker when asked for all', async () => {
    expect((await list([stranger])).out).toEqual([
      'No Netmaker containers. All others: ovs-port-agent netmaker list --all',
    ]);
    expect((await list([stranger], '--all')).out).toEqual([
      'Not attached:',
      '  caddy  not-netmaker  nothing says it is one',
    ]);
  });

  it('says who of a fail-over group has the shared address', async () => {
    const group = { name: 'edge', addresses: ['203.0.113.9'] };
    const { out } = await list([
      report({ container: 'a', group: { ...group, holder: true } }),
      report({ container: 'b', group: { ...group, holder: false } }),
    ]);
    expect(out.map((line) => line.split(/ {2,}/).at(-1))).toEqual(['GROUP', 'edge: has 203.0.113.9', 'edge']);
  });

  it('tells a mesh without peers from one whose peers never answered', async () => {
    const meshOf = (container: string, peers: Parameters<typeof wg>[0]) =>
      report({ container, mesh: sight([wg(peers)]) });
    const { out } = await list([
      meshOf('a', []),
      meshOf('b', [peer(1, { lastHandshake: null, rx: 0, tx: 148 })]),
    ]);
    expect(out.slice(1).map((line) => line.split(/ {2,}/).slice(6, 9))).toEqual([
      ['0/0', '-', '0B/0B'],
      ['0/1', 'never', '0B/148B'],
    ]);
  });

  it('lets no container write to the terminal', async () => {
    const hostile = report({ container: 'x\u001b[2J', reason: 'y\u202e\nz', decision: 'waiting' });
    for (const { out } of [await list([hostile]), await list([hostile], '--json')]) {
      expect(out.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  it('gives programs what the agent said, all of it', async () => {
    const { out } = await list([{ ...node, of_a_later_version: 1 }, stranger], '--json');
    expect(JSON.parse(out.join('\n'))).toEqual([{ ...node, of_a_later_version: 1 }, stranger]);
  });

  it('does not guess at an answer of another shape', async () => {
    const { code, err } = await list([{ ...node, spoofed: 'none' }]);
    expect(code).toBe(1);
    expect(err[0]).toContain("The agent's answer to ListNetmakerContainers was not understood");
  });
});

describe('amounts in little room', () => {
  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1.0K'],
    [10 * 1024 - 1, '10K'],
    [1024 ** 2 - 1, '1.0M'],
    [5.5 * 1024 ** 3, '5.5G'],
  ])('%d bytes are %s', (bytes, text) => expect(compactSize(bytes)).toBe(text));

  it.each([
    [0, '0 s'],
    [119, '119 s'],
    [120, '2 min'],
    [7199, '119 min'],
    [7200, '2 h'],
    [172_800, '2 d'],
  ])('%d seconds are %s', (seconds, text) => expect(durationText(seconds)).toBe(text));
});
