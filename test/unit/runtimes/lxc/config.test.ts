// Promises about a plain LXC container's configuration.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLxcConfig } from '../../../../src/runtimes/lxc/config.ts';

describe('an LXC configuration', () => {
  it('says its cards, its name and how hooks are called', () => {
    const config = parseLxcConfig(`# comment
lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/common.conf.d/
  lxc.uts.name = "web"
lxc.hook.version = 1
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.veth.pair = vethweb
lxc.net.0.script.up = /usr/lib/ovs-port-agent/lxc-hook
lxc.net.0.hwaddr = 00:16:3e:00:00:01
lxc.net.0.flags = up
lxc.net.3.type=empty
some.alien = 1
`);
    expect(config).toEqual({
      utsName: 'web',
      hookVersion: 1,
      nets: new Map([
        [
          0,
          {
            type: 'veth',
            link: 'lxcbr0',
            vethPair: 'vethweb',
            scriptUp: '/usr/lib/ovs-port-agent/lxc-hook',
            hwaddr: '00:16:3e:00:00:01',
          },
        ],
        [3, { type: 'empty' }],
      ]),
      includes: ['/usr/share/lxc/config/common.conf', '/usr/share/lxc/config/common.conf.d/'],
      problems: [],
    });
  });

  it('lets an empty value clear a field, a card or all cards', () => {
    const net = (text: string) =>
      parseLxcConfig(`lxc.net.0.type = veth\nlxc.net.0.link = a\nlxc.net.1.type = veth\n${text}`).nets;
    expect(net('lxc.net.0.link =').get(0)).toEqual({ type: 'veth' });
    expect([...net('lxc.net.0 =').keys()]).toEqual([1]);
    expect(net('lxc.net =').size).toBe(0);
  });

  it('says the addresses that LXC sets, each as often as it comes once', () => {
    const addresses = (text: string) => parseLxcConfig(text).nets.get(0)?.addresses;
    const two = 'lxc.net.0.ipv4.address = 10.0.0.5/24 10.0.0.255\nlxc.net.0.ipv6.address = fd00::5/64\n';
    expect(addresses(two)).toEqual(['10.0.0.5', 'fd00::5']);
    expect(addresses(`${two}lxc.net.0.ipv4.address = 10.0.0.5\n`)).toEqual(['10.0.0.5', 'fd00::5']);
    expect(addresses(`${two}lxc.net.0.ipv4.address =\n`)).toEqual(['fd00::5']);
    for (const odd of ['dhcp', '', 'fd00::1/64', '10.0.0.5.6/24'])
      expect(addresses(`lxc.net.0.ipv4.address = ${odd}`)).toBeUndefined();
  });

  it('lets the later line win', () => {
    expect(parseLxcConfig('lxc.net.0.link = a\nlxc.net.0.link = b\n').nets.get(0)).toEqual({ link: 'b' });
  });

  it('says what it did not understand', () => {
    const { problems } = parseLxcConfig(
      'lxc.net.0.type\nlxc.net.9999.type = veth\nlxc.net.x.type = veth\nlxc.hook.version = 2\n',
    );
    expect(problems).toHaveLength(4);
  });

  it('hands no control characters on', () => {
    const config = parseLxcConfig('lxc.uts.name = a\u001b[31m\nlxc.net.0.link\t=\tbr0\n');
    expect(config).not.toHaveProperty('utsName');
    expect(config.nets.get(0)).toEqual({ link: 'br0' });
    expect(config.problems).toEqual(['line 1 has control characters']);
  });

  it('is not read beyond a sane size', () => {
    const config = parseLxcConfig(`lxc.net.0.type = veth\n${'#'.repeat(256 * 1024)}`);
    expect(config.nets.size).toBe(0);
    expect(config.problems[0]).toContain('larger than');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('lxc.net', '.', '0', '=', '\n', '"', 'type', ' ', '__proto__') }),
        (text) => {
          expect(parseLxcConfig(text).hookVersion).toBe(0);
        },
      ),
    );
  });
});

it('has the VLANs that LXC sets on the port', () => {
  const vlanOf = (...lines: string[]) =>
    parseLxcConfig(lines.map((line) => `lxc.net.0.veth.vlan.${line}`).join('\n')).nets.get(0)?.vlan;
  expect(vlanOf('id = 5')).toEqual({ tag: 5, trunks: [], mode: 'access' });
  expect(vlanOf('id = 5', 'tagged.id = 7', 'tagged.id = 9')).toEqual({
    tag: 5,
    trunks: [7, 9],
    mode: 'native-untagged',
  });
  expect(vlanOf('id = none', 'tagged.id = 7')).toEqual({ trunks: [7], mode: 'trunk' });
  expect(vlanOf('id = 5', 'id =')).toBeUndefined();
  expect(vlanOf('id = 4095')).toBeUndefined();
});
