// Promises about what hooks are told, by Proxmox and by LXC in both hook versions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLxcHookInput } from '../../../src/runtimes/lxc/hook-input.ts';
import { parseProxmoxHookInput } from '../../../src/runtimes/proxmox/hook-input.ts';

describe('a Proxmox hookscript', () => {
  it.each(['pre-start', 'post-start', 'pre-stop', 'post-stop'])('knows phase %s', (phase) => {
    expect(parseProxmoxHookInput(['101', phase], {})).toEqual({ ok: true, input: { vmid: 101, phase } });
  });

  it('takes an empty PVE_MIGRATED_FROM for an ordinary start, and a node for a migration', () => {
    expect(parseProxmoxHookInput(['101', 'pre-start'], { PVE_MIGRATED_FROM: '' })).toEqual({
      ok: true,
      input: { vmid: 101, phase: 'pre-start' },
    });
    expect(parseProxmoxHookInput(['101', 'pre-start'], { PVE_MIGRATED_FROM: 'pve2' })).toMatchObject({
      input: { migratedFrom: 'pve2' },
    });
  });

  it('drops a node name that is none, rather than the start', () => {
    const input = parseProxmoxHookInput(['101', 'pre-start'], { PVE_MIGRATED_FROM: '../x\n' });
    expect(input).toEqual({ ok: true, input: { vmid: 101, phase: 'pre-start' } });
  });

  it.each([
    [[], 'a VMID is a whole number'],
    [['0', 'pre-start'], 'not "0"'],
    [['4294967296', 'pre-start'], 'not "4294967296"'],
    [['101 ', 'pre-start'], 'a VMID is'],
    [['101'], 'the phase must be one of pre-start, post-start, pre-stop, post-stop'],
    [['101', 'job-start'], 'the phase must be one of'],
  ])('says what is wrong with %j', (argv, problem) => {
    expect(parseProxmoxHookInput(argv, {})).toEqual({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('an LXC network hook', () => {
  const veth = { kind: 'network', name: 'web', action: 'up', netType: 'veth', hostInterface: 'vethA1' };

  it.each([
    ['version 0, with a link', ['web', 'net', 'up', 'veth', 'lxcbr0', 'vethA1'], {}, { link: 'lxcbr0' }],
    ['version 0, without a link', ['web', 'net', 'up', 'veth', 'vethA1'], { LXC_NAME: 'web' }, {}],
    ['version 0, with an empty link', ['web', 'net', 'up', 'veth', '', 'vethA1'], {}, {}],
    [
      'version 1',
      ['veth', 'lxcbr0', 'vethA1'],
      {
        LXC_HOOK_VERSION: '1',
        LXC_HOOK_TYPE: 'up',
        LXC_HOOK_SECTION: 'net',
        LXC_NAME: 'web',
        LXC_NET_TYPE: 'veth',
        LXC_NET_PEER: 'vethA1',
        LXC_NET_PARENT: 'lxcbr0',
      },
      { link: 'lxcbr0' },
    ],
    [
      'version 1 without LXC_HOOK_VERSION and link',
      [],
      {
        LXC_HOOK_TYPE: 'up',
        LXC_HOOK_SECTION: 'net',
        LXC_NAME: 'web',
        LXC_NET_TYPE: 'veth',
        LXC_NET_PEER: 'vethA1',
        LXC_NET_PARENT: '',
      },
      {},
    ],
    [
      'version 0 inside an environment of version 1',
      ['web', 'net', 'up', 'veth', 'vethA1'],
      { LXC_HOOK_TYPE: 'post-stop', LXC_HOOK_SECTION: 'lxc' },
      {},
    ],
  ])('is understood: %s', (_, argv, env, more) => {
    expect(parseLxcHookInput(argv, env)).toEqual({ ok: true, input: { ...veth, ...more } });
  });

  it('is understood as Proxmox makes LXC call it', () => {
    expect(parseLxcHookInput(['200', 'net', 'up', 'veth', 'veth200i0'], { LXC_NAME: '200' })).toMatchObject({
      input: { name: '200', hostInterface: 'veth200i0' },
    });
  });

  it('has no host interface for other types, which is fine', () => {
    expect(parseLxcHookInput(['web', 'net', 'down', 'phys', 'eth1'], {})).toEqual({
      ok: true,
      input: { kind: 'network', name: 'web', action: 'down', netType: 'phys', link: 'eth1' },
    });
    expect(parseLxcHookInput(['web', 'net', 'up', 'empty'], {})).toMatchObject({ ok: true });
  });

  it.each([
    [[], 'called neither as'],
    [['web', 'net', 'sideways', 'veth', 'v'], 'up or down'],
    [['web', 'net', 'up', 'veth'], 'no host interface'],
    [['web', 'net', 'up', 'veth', '../x'], 'must not contain "/"'],
    [['../web', 'net', 'up', 'veth', 'v'], 'must not contain "/"'],
    [['we b', 'net', 'up', 'veth', 'v'], 'spaces or control characters'],
    [['web', 'net', 'up', 'veth', 'v'.repeat(300)], 'has 300'],
    [['w'.repeat(300), 'net', 'up', 'veth', 'v'], 'has 300'],
    [['web', 'net', 'up'], ''],
  ])('says what is wrong with %j', (argv, problem) => {
    expect(parseLxcHookInput(argv, {})).toEqual({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('an LXC container hook', () => {
  it.each([
    ['version 0', ['web', 'lxc', 'start-host'], { LXC_HOOK_VERSION: '0', LXC_NAME: 'web' }],
    ['version 0 with namespaces', ['web', 'lxc', 'start-host', 'mnt:/proc/9/fd/3'], {}],
    [
      'version 1',
      [],
      { LXC_HOOK_TYPE: 'start-host', LXC_HOOK_SECTION: 'lxc', LXC_NAME: 'web', LXC_HOOK_VERSION: '1' },
    ],
  ])('is understood: %s', (_, argv, env) => {
    const more = { LXC_PID: '4711', LXC_CONFIG_FILE: '/var/lib/lxc/web/config' };
    expect(parseLxcHookInput(argv, { ...env, ...more })).toEqual({
      ok: true,
      input: {
        kind: 'container',
        name: 'web',
        phase: 'start-host',
        pid: 4711,
        configFile: '/var/lib/lxc/web/config',
      },
    });
  });

  it('says whether the container ends or starts again', () => {
    expect(parseLxcHookInput(['web', 'lxc', 'post-stop'], { LXC_TARGET: 'reboot' })).toMatchObject({
      input: { phase: 'post-stop', target: 'reboot' },
    });
  });

  it('leaves out a PID that is none', () => {
    for (const pid of ['0', '-1', 'x', '99999999999999999999']) {
      expect(parseLxcHookInput(['web', 'lxc', 'post-stop'], { LXC_PID: pid })).toEqual({
        ok: true,
        input: { kind: 'container', name: 'web', phase: 'post-stop' },
      });
    }
  });

  it('refuses other phases', () => {
    expect(parseLxcHookInput(['web', 'lxc', 'mount'], {})).toMatchObject({ ok: false });
  });
});

it('no hook input makes an exception', () => {
  const word = fc.oneof(fc.constantFrom('net', 'lxc', 'up', 'veth', 'start-host', '', '100'), fc.string());
  const env = fc.dictionary(
    fc.constantFrom(
      'LXC_NAME',
      'LXC_HOOK_TYPE',
      'LXC_HOOK_SECTION',
      'LXC_NET_TYPE',
      'LXC_NET_PEER',
      'LXC_HOOK_VERSION',
    ),
    word,
  );
  fc.assert(
    fc.property(fc.array(word), env, (argv, environment) => {
      expect(parseLxcHookInput(argv, environment)).toHaveProperty('ok');
      expect(parseProxmoxHookInput(argv, environment)).toHaveProperty('ok');
    }),
  );
});
