// How the report of one container is put together.
import { describe, expect, it } from 'vitest';
import { containerReport, containerReportSchema } from '../../../src/netmaker/report.ts';
import { AT, container, key, peer, S, sight, wg } from './wireguard/sights.ts';

const few = {
  container: 'netclient',
  id: container.id,
  image: 'gravitl/netclient:v1.5.1',
  decision: 'skipped',
  reason: 'it shares the network of the host',
  mode: 'routed',
} as const;

describe('the report of a container', () => {
  it('says null for what does not apply', () => {
    const report = containerReport(few, AT);
    expect(report).toEqual({
      ...few,
      role: null,
      port: null,
      bridge: null,
      addresses: [],
      health: 'none',
      restarts: 0,
      group: null,
      spoofed: null,
      refused: null,
      wireguard: [],
      wireguard_left_out: 0,
      attested: null,
    });
    expect(containerReportSchema.parse(report)).toEqual(report);
  });

  it('has the age of each handshake as of now, and no key but the public one', () => {
    const peers = [
      peer(1),
      peer(2, { lastHandshake: null, endpoint: null }),
      peer(3, { lastHandshake: S + 60 }),
    ];
    const report = containerReport(
      {
        ...few,
        decision: 'attached',
        role: 'client',
        port: 'vi1000000',
        bridge: 'ovsbr1',
        addresses: ['203.0.113.2', '2001:db8::2'],
        mesh: sight([wg(peers)], { restarts: 3, leftOut: 2 }),
        group: { name: 'edge', addresses: ['203.0.113.9'], holder: true },
        spoofed: { mac: 1, arp: 2, nd: 3, ipv4: 4, ipv6: 5 },
        refused: 0,
        attested: { at: '2026-11-23T09:30:00.000Z', verdict: 'public', mapped: '203.0.113.2' },
      },
      AT + 5_400,
    );
    expect(report).toMatchObject({
      health: 'healthy',
      restarts: 3,
      refused: 0,
      role: 'client',
      wireguard_left_out: 2,
    });
    expect(report.wireguard).toEqual([
      {
        interface: 'netmaker',
        source: 'userspace',
        listen_port: 51821,
        peers: [
          { public_key: key(1), endpoint: '203.0.113.1:51821', handshake_age: 15, rx: 1, tx: 2 },
          { public_key: key(2), endpoint: null, handshake_age: null, rx: 1, tx: 2 },
          { public_key: key(3), endpoint: '203.0.113.3:51821', handshake_age: 0, rx: 1, tx: 2 },
        ],
      },
    ]);
    expect(containerReportSchema.parse(report)).toEqual(report);
  });
});
