// Promises about Docker containers: what labels mean, and which containers get a port.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttachRules,
  type DockerContainer,
  decideAttach,
  dockerContainerSchema,
} from '../../../src/core/guest/docker-attach.ts';
import { parseDockerLabels } from '../../../src/core/guest/docker-labels.ts';
import { matchesGlob } from '../../../src/core/guest/glob.ts';

const P = 'dev.ovs.portagent.';

describe('labels', () => {
  it('that are ours are read, others left alone', () => {
    const result = parseDockerLabels({
      [`${P}vmid`]: '300',
      [`${P}bridge`]: 'ovsbr1',
      [`${P}address`]: '2001:DB8::7/64',
      [`${P}gateway`]: '2001:db8:0::1',
      'com.docker.compose.project': 'x',
      maintainer: '../..',
    });
    expect(result).toEqual({
      ok: true,
      labels: { vmid: 300, bridge: 'ovsbr1', address: '2001:db8::7/64', gateway: '2001:db8::1' },
    });
    expect(parseDockerLabels({})).toEqual({ ok: true, labels: {} });
  });

  it('may name a gateway outside of the subnet of a single address', () => {
    expect(
      parseDockerLabels({ [`${P}address`]: '203.0.113.7/32', [`${P}gateway`]: '169.254.0.1' }),
    ).toMatchObject({ ok: true });
  });

  it.each([
    [{ vmid: '0' }, 'vmid: must be a whole number from 100 to 999999999, not "0"'],
    [{ vmid: '4294967296' }, 'vmid: must be a whole number'],
    [{ vmid: '' }, 'vmid: must be a whole number'],
    [{ bridge: '' }, 'bridge: a bridge name must not be empty'],
    [{ bridge: '../x' }, 'bridge: a bridge name must not contain "/"'],
    [{ address: '203.0.113.7' }, 'address: must be ADDRESS/PREFIX'],
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
    [{ adress: '203.0.113.7/24' }, 'adress is not known; did you mean dev.ovs.portagent.address?'],
    [{ colour: 'blue' }, 'colour is not known; known are vmid, bridge, address, gateway'],
    [{ constructor: 'x' }, 'constructor is not known'],
  ])('with a mistake name the label: %j', (labels, problem) => {
    const prefixed = Object.fromEntries(Object.entries(labels).map(([key, value]) => [P + key, value]));
    const result = parseDockerLabels(prefixed as Record<string, string>);
    expect(result.ok ? [] : result.problems).toContainEqual(
      expect.stringContaining(`label ${P}${problem.replace('’', "'")}`),
    );
  });

  it('never make an exception', () => {
    const key = fc.oneof(fc.constantFrom('vmid', 'bridge', 'address', 'gateway', '__proto__'), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string())), (entries) => {
        expect(parseDockerLabels(Object.fromEntries(entries.map(([k, v]) => [P + k, v])))).toHaveProperty(
          'ok',
        );
      }),
    );
  });
});

const rules: AttachRules = { attach: 'netmaker', bridge: 'ovsbr1', interface: 'eth1', names: ['netmaker-*'] };

function container(
  name: string,
  labels: Record<string, string> = {},
  mode = 'bridge',
  pid = 42,
): DockerContainer {
  return dockerContainerSchema.parse({
    Id: 'a'.repeat(64),
    Name: `/${name}`,
    State: { Running: pid > 0, Pid: pid, StartedAt: '2026-11-23T08:30:32.123Z', Status: 'running' },
    HostConfig: { NetworkMode: mode },
    Config: { Labels: labels, Image: 'busybox' },
    NetworkSettings: { SandboxKey: '/var/run/docker/netns/abc' },
  });
}

describe('a container', () => {
  it('named netmaker-* gets a port on the configured bridge', () => {
    expect(decideAttach(container('netmaker-server'), rules)).toEqual({
      attach: true,
      bridge: 'ovsbr1',
      interface: 'eth1',
      reason: 'name matches netmaker-*',
    });
  });

  it('of another name does not', () => {
    for (const name of ['web', 'netmaker', 'my-netmaker-1']) {
      expect(decideAttach(container(name), rules)).toMatchObject({ attach: false, selected: false });
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
    expect(decision).toMatchObject({ attach: false, selected: false });
    expect(decision.reason).toContain('label dev.ovs.portagent.address alone does not ask for a port');
  });

  it('is judged by label alone with "labelled", and always taken with "all"', () => {
    expect(decideAttach(container('netmaker-1'), { ...rules, attach: 'labelled' }).attach).toBe(false);
    expect(decideAttach(container('web'), { ...rules, attach: 'all' }).attach).toBe(true);
  });

  it.each([
    ['host', 'no network namespace of its own'],
    ['container:0123456789abcdef', 'shares the network namespace of another'],
  ])('in network mode %s is skipped with a reason', (mode, reason) => {
    expect(decideAttach(container('netmaker-1', {}, mode), rules)).toEqual({
      attach: false,
      selected: true,
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
    expect(decideAttach(dockerContainerSchema.parse(bare), rules).attach).toBe(false);
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
