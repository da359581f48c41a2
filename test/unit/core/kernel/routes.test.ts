import { describe, expect, it } from 'vitest';
import { defaultRoutes, parseDefaultRoutes } from '../../../../src/core/kernel/routes.ts';

const route = (more: object) => ({ dst: 'default', protocol: 'dhcp', flags: [], ...more });
const parse = (...routes: object[]) => parseDefaultRoutes('inet', JSON.stringify(routes));

describe('the default routes', () => {
  it('are none where `ip` prints none, or nothing', () => {
    expect([parseDefaultRoutes('inet', '[ ]\n'), parseDefaultRoutes('inet6', '')]).toEqual([[], []]);
  });

  it('come in the order in which the kernel prefers them', () => {
    expect(
      parse(
        route({ gateway: '192.0.2.1', dev: 'eth1', metric: 200 }),
        route({ gateway: '198.51.100.1', dev: 'eth0', metric: 100 }),
        route({ dev: 'wg0', scope: 'link' }),
      ).map(({ device, gateway, metric }) => [device, gateway, metric]),
    ).toEqual([
      ['wg0', undefined, 0],
      ['eth0', '198.51.100.1', 100],
      ['eth1', '192.0.2.1', 200],
    ]);
  });

  it('leave out what leads nowhere', () => {
    expect(parse(route({ type: 'unreachable', dev: 'lo', metric: 4294967295 }))).toEqual([]);
  });

  it('have each way of a route with several, and a gateway of the other family', () => {
    const hops = [
      { dev: 'eth0', gateway: '192.0.2.1' },
      { dev: 'eth1', via: { family: 'inet6', host: 'fe80::1' } },
    ];
    expect(parse(route({ nexthops: hops }))).toMatchObject([
      { device: 'eth0', gateway: '192.0.2.1' },
      { device: 'eth1', gateway: 'fe80::1' },
    ]);
  });

  it('are asked of the kernel for both families, IPv4 first', async () => {
    const answers: Record<string, string> = {
      '-4': JSON.stringify([route({ gateway: '192.0.2.1', dev: 'eth0', metric: 100 })]),
      '-6': JSON.stringify([route({ gateway: 'fe80::1', dev: 'eth0', metric: 10 })]),
    };
    const found = await defaultRoutes(async (_, [, family = '']) => answers[family] ?? '');
    expect(found.map(({ gateway }) => gateway)).toEqual(['192.0.2.1', 'fe80::1']);
  });
});
