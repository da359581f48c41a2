// Promises about Docker containers: what labels mean, and which containers get a port.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob } from '../../../../src/core/lib/glob.ts';
import {
  type AttachRules,
  type DockerContainer,
  decideAttach,
  dockerContainerSchema,
} from '../../../../src/runtimes/docker/attach.ts';
import { parseDockerLabels } from '../../../../src/runtimes/docker/labels.ts';

const P = 'dev.ovs.portagent.';

describe('labels', () => {
  it('that are ours are read, others left alone', () => {
    const result = parseDockerLabels({
      [`${P}vmid`]: '300',
      [`${P}bridge`]: 'ovsbr1',
      [`${P}interface`]: 'pub0',
      [`${P}address`]: '2001:DB8::7/64',
      [`${P}gateway`]: '2001:db8:0::1',
      'com.docker.compose.project': 'x',
      maintainer: '../..',
    });
    expect(result).toEqual({
      ok: true,
      labels: {
        vmid: 300,
        bridge: 'ovsbr1',
        interface: 'pub0',
        address: '2001:db8::7/64',
        gateway: '2001:db8::1',
      },
    });
    expect(parseDockerLabels({})).toEqual({ ok: true, labels: {} });
  });

  it('may name a gateway outside of the subnet of a single address', () => {
    expect(
      parseDockerLabels({ [`${P}address`]: '203.0.113.7/32', [`${P}gateway`]: '169.254.0.1' }),
    ).toMatchObject({ ok: true });
  });

  it('may give a Netmaker container addresses without prefix length, rules, rates and a group', () => {
    const labels = {
      netmaker: 'server',
      address: '203.0.113.7',
      address6: '2001:DB8::7',
      'allow-in': 'icmp, 51821-51830/udp',
      'rate-in': '0',
      'rate-out': '50000',
      'netmaker.failover-group': 'edge_1.a-B',
    };
    const prefixed = Object.fromEntries(Object.entries(labels).map(([key, value]) => [P + key, value]));
    expect(parseDockerLabels(prefixed)).toEqual({
      ok: true,
      labels: {
        netmaker: 'server',
        address: '203.0.113.7',
        address6: '2001:db8::7',
        allowIn: ['icmp', '51821-51830/udp'],
        rateIn: 0,
        rateOut: 50_000,
        failoverGroup: 'edge_1.a-B',
      },
    });
    expect(parseDockerLabels({ [`${P}allow-in`]: '' })).toEqual({ ok: true, labels: { allowIn: [] } });
    expect(parseDockerLabels({ [`${P}netmaker`]: 'false' })).toEqual({
      ok: true,
      labels: { netmaker: false },
    });
  });

  it.each([
    [{ vmid: '0' }, 'vmid: must be a whole number from 100 to 999999999, not "0"'],
    [{ vmid: '4294967296' }, 'vmid: must be a whole number'],
    [{ vmid: '' }, 'vmid: must be a whole number'],
    [{ bridge: '' }, 'bridge: a bridge name must not be empty'],
    [{ bridge: '../x' }, 'bridge: a bridge name must not contain "/"'],
    [{ address: '203.0.113' }, 'address: must be ADDRESS/PREFIX'],
    [{ address: '224.0.0.1' }, 'address: must be a unicast address'],
    [{ address: '203.0.113.0/24' }, 'address: must be a host address'],
    [
      { address: '203.0.113.7/24', gateway: '203.0.114.1' },
      'gateway: 203.0.114.1 is outside the subnet of 203.0.113.7/24',
    ],
    [
      { address: '203.0.113.7/24', gateway: '203.0.113.7' },
      'gateway: 203.0.113.7 is the container’s own address',
    ],
    [{ address: '203.0.113.7/24', gateway: '::2' }, 'gateway: ::2 is not of the same IP version'],
    [
      { address: '203.0.113.7/24', gateway: '203.0.113.1/24' },
      'gateway: must be a unicast address without prefix length',
    ],
    [{ gateway: '203.0.113.1' }, 'gateway: needs the label dev.ovs.portagent.address'],
    [
      { address: '203.0.113.7', gateway: '203.0.113.1' },
      'gateway: needs the prefix length in dev.ovs.portagent.address',
    ],
    [{ address6: '203.0.113.7' }, 'address6: must be an IPv6 address'],
    [{ address6: '2001:db8::/64' }, 'address6: must be a host address'],
    [{ address6: 'fe80::1%eth0' }, 'address6: must be an IPv6 address'],
    [
      { address: '2001:db8::7', address6: '2001:db8::8' },
      'address: must be an IPv4 address beside the label',
    ],
    [{ netmaker: 'yes' }, 'netmaker: must be server, client, true or false, not "yes"'],
    [{ netmaker: 'constructor' }, 'netmaker: must be server, client, true or false'],
    [{ 'allow-in': 'icmp,443' }, 'allow-in: must be "all", "icmp", PORT/udp or FIRST-LAST/tcp'],
    [{ 'allow-in': 'icmp,' }, 'allow-in: must be "all", "icmp", PORT/udp'],
    [{ 'rate-in': '10M' }, 'rate-in: must be a whole number of kbit/s from 0 (no limit) to 100000000'],
    [{ 'rate-out': '999999999' }, 'rate-out: must be a whole number of kbit/s'],
    [{ 'netmaker.failover-group': '' }, 'netmaker.failover-group: must be 1 to 32 letters'],
    [{ 'netmaker.failover-group': 'a'.repeat(33) }, 'netmaker.failover-group: must be 1 to 32 letters'],
    [{ 'netmaker.failover-group': 'a/b' }, 'netmaker.failover-group: must be 1 to 32 letters'],
    [{ allow_in: 'all' }, 'allow_in is not known; did you mean dev.ovs.portagent.allow-in?'],
    [{ adress: '203.0.113.7/24' }, 'adress is not known; did you mean dev.ovs.portagent.address?'],
    [{ colour: 'blue' }, 'colour is not known; known are vmid, bridge, interface, address, gateway'],
    [{ constructor: 'x' }, 'constructor is not known'],
  ])('with a mistake name the label: %j', (labels, problem) => {
    const prefixed = Object.fromEntries(Object.entries(labels).map(([key, value]) => [P + key, value]));
    const result = parseDockerLabels(prefixed as Record<string, string>);
    expect(result.ok ? [] : result.problems).toContainEqual(
      expect.stringContaining(`label ${P}${problem.replace('’', "'")}`),
    );
  });

  it('never make an exception', () => {
    const known = ['vmid', 'bridge', 'address', 'gateway', 'address6', 'netmaker', 'allow-in', 'rate-in'];
    const key = fc.oneof(fc.constantFrom(...known, '__proto__'), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string())), (entries) => {
        expect(parseDockerLabels(Object.fromEntries(entries.map(([k, v]) => [P + k, v])))).toHaveProperty(
          'ok',
        );
      }),
    );
  });
});

const netmaker = { enabled: true, bridge: 'ovsbr7', images: [], names: [], deny: [] };

const plainRules: AttachRules = {
  attach: 'netmaker',
  bridge: 'ovsbr1',
  interface: 'ovs0',
  names: ['netmaker-*'],
};

const rules: AttachRules = { ...plainRules, netmaker };

function container(
  name: string,
  labels: Record<string, string> = {},
  mode = 'bridge',
  pid = 42,
  image = 'busybox',
): DockerContainer {
  return dockerContainerSchema.parse({
    Id: 'a'.repeat(64),
    Name: `/${name}`,
    State: { Running: pid > 0, Pid: pid, StartedAt: '2026-11-23T08:30:32.123Z', Status: 'running' },
    HostConfig: { NetworkMode: mode },
    Config: { Labels: labels, Image: image },
    NetworkSettings: { SandboxKey: '/var/run/docker/netns/abc' },
  });
}

describe('a container', () => {
  it('of Netmaker gets a port on the bridge for those, and a role', () => {
    expect(decideAttach(container('netmaker-server'), rules)).toEqual({
      attach: true,
      bridge: 'ovsbr7',
      interface: 'ovs0',
      role: 'server',
      reason: 'name matches netmaker-*',
    });
    expect(decideAttach(container('n1', {}, 'bridge', 42, 'gravitl/netclient:v1.5.1'), rules)).toMatchObject({
      attach: true,
      role: 'client',
      reason: 'image gravitl/netclient',
    });
  });

  it('of another name does not', () => {
    for (const name of ['web', 'my-netmaker-1', 'netmaker_x']) {
      expect(decideAttach(container(name), rules)).toMatchObject({
        attach: false,
        selected: false,
        considered: false,
      });
    }
  });

  it('is taken by the names of [docker] alone, and has no role, where [netmaker] is not enabled', () => {
    const disabled = { ...rules, netmaker: { ...netmaker, enabled: false } };
    for (const without of [disabled, plainRules]) {
      const decision = decideAttach(container('netmaker-server'), without);
      expect(decision).toMatchObject({ attach: true, bridge: 'ovsbr1', reason: 'name matches netmaker-*' });
      expect(decision).not.toHaveProperty('role');
      expect(decideAttach(container('netclient'), without)).toMatchObject({
        attach: false,
        considered: false,
      });
    }
  });

  it('of Netmaker by a name of [docker] has a role, too', () => {
    const decision = decideAttach(container('mesh-1'), { ...rules, names: ['mesh-*'] });
    expect(decision).toMatchObject({ attach: true, role: 'client', reason: 'name matches mesh-*' });
  });

  it('with the bridge label alone is none of Netmaker, unless it is detected', () => {
    const labels = { [`${P}bridge`]: 'ovsbr0' };
    expect(decideAttach(container('web', labels), rules)).not.toHaveProperty('role');
    expect(decideAttach(container('netclient', labels), rules)).toMatchObject({
      attach: true,
      bridge: 'ovsbr0',
      role: 'client',
    });
  });

  it('that looks like Netmaker and is not gets no port, and the reason is kept for the list', () => {
    expect(decideAttach(container('netmaker-ui'), rules)).toEqual({
      attach: false,
      selected: false,
      considered: true,
      isMistake: false,
      reason: 'name has the part "ui", which netmaker.deny lists',
    });
    expect(decideAttach(container('netclient', { [`${P}netmaker`]: 'false' }), rules)).toEqual({
      attach: false,
      selected: false,
      considered: true,
      isMistake: false,
      reason: 'label dev.ovs.portagent.netmaker=false',
    });
  });

  it('with a mistake in the label netmaker is told so, whatever it is called', () => {
    for (const name of ['web', 'netclient']) {
      expect(decideAttach(container(name, { [`${P}netmaker`]: 'yes' }), rules)).toMatchObject({
        attach: false,
        selected: true,
        reason: expect.stringContaining('must be server, client, true or false, not "yes"'),
      });
    }
  });

  it('labelled as Netmaker is taken by every rule, with its address and the rest of what its labels ask for', () => {
    const labels = {
      [`${P}netmaker`]: 'true',
      [`${P}address`]: '203.0.113.7',
      [`${P}allow-in`]: 'all',
      [`${P}netmaker.failover-group`]: 'edge',
    };
    for (const attach of ['netmaker', 'labelled', 'all'] as const) {
      expect(decideAttach(container('web', labels), { ...rules, attach })).toEqual({
        attach: true,
        bridge: 'ovsbr7',
        interface: 'ovs0',
        role: 'client',
        address: '203.0.113.7',
        allowIn: ['all'],
        failoverGroup: 'edge',
        reason: 'label dev.ovs.portagent.netmaker=true',
      });
    }
  });

  it.each([
    [
      { address: '203.0.113.7' },
      'address: must be ADDRESS/PREFIX, not "203.0.113.7": an address without prefix',
    ],
    [{ address6: '2001:db8::7/64' }, 'address6: is for Netmaker’s containers'],
    [{ 'allow-in': 'all' }, 'allow-in: is for Netmaker’s containers'],
    [{ 'rate-in': '1' }, 'rate-in: is for Netmaker’s containers'],
    [{ 'netmaker.failover-group': 'x' }, 'netmaker.failover-group: is for Netmaker’s containers'],
  ])('that is none of Netmaker is refused what only those have: %j', (more, problem) => {
    const labels = Object.fromEntries(
      Object.entries({ bridge: 'ovsbr0', ...more }).map(([key, value]) => [P + key, value]),
    );
    expect(decideAttach(container('web', labels as Record<string, string>), rules)).toMatchObject({
      attach: false,
      selected: true,
      considered: false,
      reason: expect.stringContaining(`label ${P}${problem.replace('’', "'")}`),
    });
  });

  it('of Netmaker on another bridge is refused what nobody would keep there', () => {
    for (const more of [{ 'allow-in': 'icmp' }, { 'rate-out': '100' }, { address: '203.0.113.7' }]) {
      const given = Object.entries({ bridge: 'ovsbr0', netmaker: 'true', ...more });
      const labels = Object.fromEntries(given.map(([key, value]) => [P + key, value as string]));
      expect(decideAttach(container('web', labels), rules)).toMatchObject({
        attach: false,
        selected: true,
        reason: expect.stringContaining('containers on ovsbr7, the bridge of the pools'),
      });
    }
  });

  it('with the bridge label gets a port there, whatever its name and the rule', () => {
    for (const attach of ['netmaker', 'labelled', 'all'] as const) {
      const labels = { [`${P}bridge`]: 'ovsbr0', [`${P}address`]: '203.0.113.7/24', [`${P}vmid`]: '300' };
      expect(decideAttach(container('web', labels), { ...rules, attach })).toMatchObject({
        attach: true,
        bridge: 'ovsbr0',
        address: '203.0.113.7/24',
        vmid: 300,
      });
    }
  });

  it('with another label of ours only is told what is missing', () => {
    const decision = decideAttach(container('web', { [`${P}address`]: '203.0.113.7/24' }), rules);
    expect(decision).toMatchObject({ attach: false, selected: true, isMistake: true });
    expect(decision.reason).toContain('label dev.ovs.portagent.address alone does not ask for a port');
  });

  it('is judged by label alone with "labelled", and always taken with "all"', () => {
    expect(decideAttach(container('netmaker-1'), { ...rules, attach: 'labelled' })).toMatchObject({
      attach: false,
      selected: false,
      considered: true,
      role: 'client',
    });
    expect(decideAttach(container('web'), { ...rules, attach: 'all' }).attach).toBe(true);
  });

  it.each([
    ['host', 'no network namespace of its own'],
    ['container:0123456789abcdef', 'shares the network namespace of another'],
  ])('in network mode %s is skipped with a reason', (mode, reason) => {
    expect(decideAttach(container('netmaker-1', {}, mode), rules)).toEqual({
      attach: false,
      selected: true,
      considered: true,
      isMistake: false,
      role: 'client',
      reason: expect.stringContaining(reason),
    });
  });

  it.each(['none', 'bridge', 'default', '', 'my-net'])('in network mode %j gets its port', (mode) => {
    expect(decideAttach(container('netmaker-1', {}, mode), rules).attach).toBe(true);
  });

  it('that does not run, or has a label with a mistake, is skipped with a reason', () => {
    expect(decideAttach(container('netmaker-1', {}, 'bridge', 0), rules)).toMatchObject({
      reason: 'it is not running',
    });
    expect(decideAttach(container('netmaker-1', { [`${P}vmid`]: 'x' }), rules)).toMatchObject({
      attach: false,
      selected: true,
      reason: expect.stringContaining('label dev.ovs.portagent.vmid'),
    });
  });

  it('is read from what Docker says when it has no labels and no sandbox', () => {
    const bare = {
      Id: 'b'.repeat(64),
      Name: '/x',
      State: { Running: true, Pid: 1, StartedAt: '' },
      HostConfig: {},
      Config: { Labels: null },
    };
    const parsed = dockerContainerSchema.parse(bare);
    expect(parsed).toMatchObject({ RestartCount: 0, ResolvConfPath: '' });
    expect(decideAttach(parsed, rules).attach).toBe(false);
    expect(dockerContainerSchema.safeParse({ ...bare, Id: '../../etc' }).success).toBe(false);
  });
});

describe('a name pattern', () => {
  it.each([
    ['netmaker-*', 'netmaker-', true],
    ['netmaker-*', 'netmaker', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*-server-*', 'x-server-1', true],
    ['a.c', 'abc', false],
    ['**a**b', 'xxaxxb', true],
  ])('%j over %j: %s', (pattern, name, matches) => {
    expect(matchesGlob(pattern, name)).toBe(matches);
  });

  it('takes no time to speak of, however wicked', () => {
    expect(matchesGlob('*a'.repeat(100), `${'a'.repeat(255)}b`)).toBe(false);
  });
});
