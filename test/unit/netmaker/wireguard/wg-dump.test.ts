// What `wg show INTERFACE dump` prints.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseWgDump } from '../../../../src/netmaker/wireguard/wg-dump.ts';

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const row = (...cells: (string | number)[]) => cells.join('\t');
const own = row(key(1), key(2), 51821, 'off');

describe('the dump of a WireGuard interface', () => {
  it('gives its port and its peers', () => {
    const text = [
      own,
      row(key(3), key(4), '203.0.113.7:51821', '10.10.0.2/32,fd00::2/128', 1_795_448_000, 20, 10, 25),
      row(key(5), '(none)', '(none)', '(none)', 0, 0, 0, 'off'),
    ].join('\n');
    expect(parseWgDump(text)).toEqual({
      listenPort: 51821,
      peers: [
        {
          publicKey: key(3),
          endpoint: '203.0.113.7:51821',
          allowedIps: ['10.10.0.2/32', 'fd00::2/128'],
          lastHandshake: 1_795_448_000,
          rx: 20,
          tx: 10,
        },
        { publicKey: key(5), endpoint: null, allowedIps: [], lastHandshake: null, rx: 0, tx: 0 },
      ],
    });
  });

  it('without a private key is read as well', () => {
    expect(parseWgDump(row('(none)', '(none)', 0, 'off'))).toEqual({ listenPort: null, peers: [] });
  });

  it.each([
    ['nothing', ''],
    ['a help text', 'Usage: wg <cmd> [<args>]'],
    ['too few columns', `${own}\n${row(key(3), key(4))}`],
    ['an endpoint that is a name', `${own}\n${row(key(3), key(4), 'host:1', '(none)', 0, 0, 0, 'off')}`],
  ])('that is %s is refused, and nothing of it repeated', (_what, text) => {
    expect(() => parseWgDump(text)).toThrow(
      expect.objectContaining({
        code: 'wireguard-unreadable',
        message: 'What `wg show dump` printed was not understood',
      }),
    );
  });

  it('never gives a secret key', () => {
    const cell = fc.oneof(
      fc.constantFrom(key(3), '(none)', '0', '203.0.113.7:5', 'off'),
      fc.string({ maxLength: 9 }),
    );
    fc.assert(
      fc.property(fc.array(cell, { minLength: 5, maxLength: 8 }), (cells) => {
        const [first = '', ...rest] = cells;
        let told: string;
        try {
          told = JSON.stringify(parseWgDump(`${own}\n${row(first, key(4), ...rest)}`));
        } catch (error) {
          told = inspect(error, { depth: null });
        }
        expect(told).not.toContain(key(1));
        expect(told).not.toContain(key(4));
      }),
    );
  });
});
