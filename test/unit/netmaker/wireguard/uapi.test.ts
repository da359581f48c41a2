// What userspace WireGuards answer, and what hostile ones might.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUapi } from '../../../../src/netmaker/wireguard/uapi.ts';

const NOW = 1_795_448_000;
const PRIVATE = '11'.repeat(32);
const PRESHARED = '22'.repeat(32);
const PUBLIC = '33'.repeat(32);
const PUBLIC_BASE64 = Buffer.from(PUBLIC, 'hex').toString('base64');

const answer = (lines: string[]) => `${[...lines, 'errno=0'].join('\n')}\n\n`;
const peer = (more: string[] = []) => [`public_key=${PUBLIC}`, ...more];
const onlyPeer = (more: string[]) => parseUapi(answer(peer(more)), NOW).peers[0];

describe('the answer of a userspace WireGuard', () => {
  it('is read as wireguard-go gives it', () => {
    const text = answer([
      `private_key=${PRIVATE}`,
      'listen_port=51821',
      ...peer([
        `preshared_key=${PRESHARED}`,
        'protocol_version=1',
        'endpoint=203.0.113.7:51821',
        `last_handshake_time_sec=${NOW - 12}`,
        'last_handshake_time_nsec=5',
        'tx_bytes=1024',
        'rx_bytes=2048',
        'persistent_keepalive_interval=20',
        'allowed_ip=10.10.0.2/32',
        'allowed_ip=fd00::2/128',
      ]),
      `public_key=${'44'.repeat(32)}`,
      'last_handshake_time_sec=0',
      'last_handshake_time_nsec=0',
    ]);
    expect(parseUapi(text, NOW)).toEqual({
      listenPort: 51821,
      peers: [
        {
          publicKey: PUBLIC_BASE64,
          endpoint: '203.0.113.7:51821',
          allowedIps: ['10.10.0.2/32', 'fd00::2/128'],
          lastHandshake: NOW - 12,
          rx: 2048,
          tx: 1024,
        },
        {
          publicKey: Buffer.from('44'.repeat(32), 'hex').toString('base64'),
          endpoint: null,
          allowedIps: [],
          lastHandshake: null,
          rx: 0,
          tx: 0,
        },
      ],
    });
  });

  it('of an interface without peers and port has neither', () => {
    expect(parseUapi(answer([]), NOW)).toEqual({ listenPort: null, peers: [] });
  });

  it.each([['[2001:db8::7]:51821'], ['[fe80::1%eth0]:51821']])('may have the endpoint %s', (endpoint) => {
    expect(onlyPeer([`endpoint=${endpoint}`])?.endpoint).toBe(endpoint);
  });

  it('has the instant of a handshake also where boringtun gives its age', () => {
    expect(onlyPeer(['last_handshake_time_sec=90'])?.lastHandshake).toBe(NOW - 90);
    const justNow = ['last_handshake_time_sec=0', 'last_handshake_time_nsec=700'];
    expect(onlyPeer(justNow)?.lastHandshake).toBe(NOW);
  });

  it('stays a number that JSON can carry, however large', () => {
    expect(onlyPeer(['rx_bytes=18446744073709551615'])?.rx).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('a hostile answer', () => {
  it.each([
    ['without end', `listen_port=1\nerrno=0\n`],
    ['without errno', 'listen_port=1\n\n'],
    ['with an error', 'errno=22\n\n'],
    ['that is no protocol', 'HTTP/1.1 400 Bad Request\n\n'],
    ['with a port that is none', answer(['listen_port=70000'])],
    ['with a short key', answer(['public_key=aabb'])],
    ['with an escape sequence for an endpoint', answer(peer(['endpoint=\u001b[2J:1']))],
    ['with a zone that is none', answer(peer(['endpoint=[fe80::1%a b]:1']))],
    ['with two zones', answer(peer(['endpoint=[fe80::1%a%b]:1']))],
    ['with an endpoint without port', answer(peer(['endpoint=203.0.113.7']))],
    ['with an allowed address that is none', answer(peer(['allowed_ip=10.0.0.0/33']))],
    ['with negative bytes', answer(peer(['rx_bytes=-1']))],
    ['with bytes without end', answer(peer([`rx_bytes=${'9'.repeat(400)}`]))],
  ])('%s is refused', (_what, text) => {
    expect(() => parseUapi(text, NOW)).toThrow(expect.objectContaining({ code: 'wireguard-unreadable' }));
  });

  it('never gets a secret key out, neither in a result nor in an error', () => {
    const line = fc.oneof(
      fc.constantFrom(
        `private_key=${PRIVATE}`,
        `preshared_key=${PRESHARED}`,
        `public_key=${PUBLIC}`,
        'listen_port=5',
        'endpoint=x',
        'errno=0',
        'rx_bytes=1',
        '__proto__=1',
        'constructor=1',
      ),
      fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\n', '')),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, isWhole) => {
        let told: string;
        try {
          told = JSON.stringify(parseUapi(isWhole ? answer(lines) : `${lines.join('\n')}\n\n`, NOW));
        } catch (error) {
          expect(error).toMatchObject({ code: 'wireguard-unreadable' });
          told = inspect(error, { depth: null });
        }
        for (const secret of [PRIVATE, PRESHARED]) {
          expect(told).not.toContain(secret);
          expect(told).not.toContain(Buffer.from(secret, 'hex').toString('base64'));
        }
      }),
    );
  });
});
