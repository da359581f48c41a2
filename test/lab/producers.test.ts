// What the ledger says beside guests and ports, on a host: settings, people, storage, and a program as the documentation prints it.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, type Block, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

const PAGE = readFileSync(new URL('../../docs/producers.md', import.meta.url), 'utf8');
const [, PROGRAM = ''] = /```sh\n(.*?)```/s.exec(PAGE) ?? [];
const [, INSTALL = ''] = /^ {4}(install -m 755 .*)$/m.exec(PAGE) ?? [];
const UNIT = 'ovs-port-agent-producer-kernel.service';
/** Folders and mounts are looked at every few seconds; this host may be a slow one. */
const LATE_MS = 90_000;

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('producers', '', 'trixie');
  await host.exec(['sh', '-c', `cd /tmp && cat >kernel && ${INSTALL}`], { input: PROGRAM });
});

afterAll(() => host?.down());

const of = (action: string) => async () => (await host.ledger()).filter((block) => block.action === action);
const atLeast = (count: number) => (blocks: readonly Block[]) =>
  expect(blocks.length).toBeGreaterThanOrEqual(count);
/** The newest block of an action that has `data`. */
const told = async (action: string, data: object) => {
  const blocks = await eventually(
    of(action),
    (seen) => expect(seen.map((each) => each.data)).toContainEqual(expect.objectContaining(data)),
    LATE_MS,
  );
  return blocks.findLast((block) => expect.objectContaining(data).asymmetricMatch(block.data));
};
const mainPid = async () => Number(await host.sh(`systemctl show -P MainPID ${UNIT}`));

describe('a program of others', () => {
  it('writes into the ledger as the documentation prints it, under its own name', async () => {
    const [block] = await eventually(of('kernel.taint'), atLeast(1), LATE_MS);
    expect(block).toMatchObject({
      category: 'external',
      user: 'producer:kernel',
      metadata: { producer: 'kernel' },
    });
    expect(block?.data.flags).toBe(Number(await host.sh('cat /proc/sys/kernel/tainted')));
    const [started] = await of('producer_started')();
    expect(started?.data).toMatchObject({
      producer: 'kernel',
      sha256: (await host.sh('sha256sum /etc/ovs-port-agent/producers.d/kernel')).slice(0, 64),
    });
  });

  it('has nothing of the rights of the agent', async () => {
    const status = await host.sh(`cat /proc/${await mainPid()}/status`);
    const uid = Number(/^Uid:\t(\d+)\t/m.exec(status)?.[1]);
    expect(uid).toBeGreaterThan(60_000);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const view = `nsenter --mount --target ${await mainPid()} setpriv --reuid ${uid} --regid ${uid} --clear-groups`;
    const attempts = [
      'cat /var/lib/ovs-port-agent/ledger.jsonl',
      'ls /run/ovs-port-agent',
      'touch /etc/x',
      'touch /var/x',
    ];
    for (const attempt of attempts)
      expect((await host.exec(`${view} ${attempt}`.split(' '))).exitCode).not.toBe(0);
  });

  it('ends with an agent that is killed, and is there again with the next', async () => {
    const before = await mainPid();
    await host.sh('kill -9 $(systemctl show -P MainPID ovs-port-agent)');
    await eventually(mainPid, (pid) => expect([0, before]).not.toContain(pid), LATE_MS);
    expect((await host.exec(['kill', '-0', String(before)])).exitCode).not.toBe(0);
    await eventually(of('kernel.taint'), atLeast(2), LATE_MS);
  });

  it('that a socket stands for is heard as well; one that anybody could change is not run', async () => {
    await host.sh(`
      printf '#!/bin/sh\\nsleep 1000\\n' >/etc/ovs-port-agent/producers.d/open
      chmod 777 /etc/ovs-port-agent/producers.d/open
      cat >/tmp/ups.py <<'X'
import socket
server = socket.socket(socket.AF_UNIX)
server.bind('/run/ovs-port-agent/producers/ups')
server.listen()
peer, _ = server.accept()
peer.sendall(b'{"producer":"ups","categories":["external"],"actions":{"charge":{"data":{"type":"object","properties":{"percent":{"type":"integer"},"api_key":{"type":"string"}}}}}}\\n')
peer.recv(4096)
peer.sendall(b'{"action":"charge","data":{"percent":81,"api_key":"hunter2"}}\\n{"action":"port_attached","data":{}}\\n')
while peer.recv(4096): pass
X
      systemd-run --quiet --unit ups-server python3 /tmp/ups.py`);
    await told('ups.charge', { percent: 81, api_key: '[redacted]' });
    expect(await host.sh('cat /var/lib/ovs-port-agent/ledger.jsonl')).not.toContain('hunter2');
    const refused = await told('producer_refused', { producer: 'open' });
    expect(refused?.data.reason).toContain('others than root can change it');
  });

  it('ends with an agent that is stopped', async () => {
    await host.stopAgent();
    await eventually(mainPid, (pid) => expect(pid).toBe(0));
    await host.startAgent();
  });
});

describe('settings', () => {
  const settingsOf = (bridge: string, key: string, to: unknown) =>
    eventually(of('bridge_settings_changed'), (blocks) =>
      expect(blocks.at(-1)?.data).toMatchObject({ bridge, changes: [{ key, to }], changed_by: 'unknown' }),
    );

  it('of a bridge are told of when they change, with what they were, and when that was while no agent ran', async () => {
    // What was there first is remembered by then.
    await eventually(
      async () => JSON.parse(await host.sh('cat /var/lib/ovs-port-agent/seen-settings.json')),
      ({ bridges }) => expect(Object.keys(bridges).sort()).toEqual(['ovsbr0', 'ovsbr1']),
    );
    // A change that this run of the agent has seen: from then on it knows what was before.
    await host.sh('ovs-vsctl set bridge ovsbr0 mcast_snooping_enable=true');
    await settingsOf('ovsbr0', 'mcast_snooping', true);
    await host.sh('ovs-vsctl set bridge ovsbr0 fail_mode=secure');
    const blocks = await settingsOf('ovsbr0', 'fail_mode', 'secure');
    expect(blocks.at(-1)).toMatchObject({
      category: 'parameter',
      user: 'unknown',
      data: { found: 'running' },
    });
    await host.stopAgent();
    await host.sh(
      'ovs-vsctl set bridge ovsbr0 fail_mode=standalone -- set-controller ovsbr1 tcp:127.0.0.1:6653',
    );
    await host.startAgent();
    await settingsOf('ovsbr1', 'controllers', ['tcp:127.0.0.1:6653']);
    const found = (await of('bridge_settings_changed')()).slice(-2);
    expect(found.map(({ data }) => data.found)).toEqual(['start', 'start']);
    await host.sh('ovs-vsctl del-controller ovsbr1');
  });

  it('of the configuration are told of with the difference, who asked, and what came of it', async () => {
    await host.sh(
      `sed -i '1i strict = true' /etc/ovs-port-agent/config.toml; systemctl reload ovs-port-agent`,
    );
    const changed = await told('config_changed', { found: 'reload' });
    expect(changed).toMatchObject({ category: 'config', user: 'root' });
    expect(changed?.data).toMatchObject({
      changes: [{ key: 'strict', from: false, to: true }],
      file: { path: '/etc/ovs-port-agent/config.toml', owner: 'root' },
      asked_by: { uid: 0, unit: 'ovs-port-agent.service', command: expect.stringContaining('config reload') },
    });
    expect((await of('config_reloaded')()).at(-1)).toMatchObject({ cause: changed?.height, user: 'root' });
  });
});

describe('people', () => {
  it('who call the agent are told of, with the login that is behind them', async () => {
    const command =
      'echo 1234 >/proc/self/loginuid; SUDO_USER=alice exec ovs-port-agent remove-interface vi9';
    await host.exec(['sh', '-c', command]);
    const call = await told('call_made', { method: 'detach_interface' });
    expect(call?.data).toMatchObject({
      arguments: ['vi9'],
      outcome: 'failed',
      code: 'port-unknown',
      by: {
        uid: 0,
        sudo_user: 'alice',
        login_uid: 1234,
        command: expect.stringContaining('remove-interface vi9'),
      },
    });
  });

  it('who only look are not', async () => {
    const before = (await host.ledger()).length;
    for (const verb of ['status', 'list', 'doctor']) await host.cli(verb);
    expect((await host.ledger()).slice(before).filter(({ action }) => action === 'call_made')).toEqual([]);
  });

  it('who log in and out are told of', async () => {
    await host.sh(`useradd -m alice
      systemd-run --quiet --unit login -p PAMName=login -p User=alice -E XDG_SESSION_CLASS=user -E XDG_SESSION_TYPE=tty sleep 1000`);
    const opened = await told('session_opened', { user: 'alice' });
    await host.sh('systemctl stop login');
    await told('session_closed', { session: opened?.data.session });
  });
});

describe('storage', () => {
  it('is told of when another file system is where files lie, when it fills, and when that is over', async () => {
    await host.sh('mount -t tmpfs -o size=10M lab-disk /var/lib/lxc');
    await told('mount_changed', {
      path: '/var/lib/lxc',
      to: { at: '/var/lib/lxc', source: 'lab-disk', type: 'tmpfs', access: 'rw' },
    });
    await host.sh('head -c 9300000 /dev/zero >/var/lib/lxc/fill');
    const filling = await told('storage_filling', { at: '/var/lib/lxc', level: 80 });
    expect(filling?.data).toMatchObject({ size_bytes: 10_485_760, paths: ['/var/lib/lxc'] });
    await host.sh('rm /var/lib/lxc/fill');
    await told('storage_relieved', { at: '/var/lib/lxc', level: 0 });
    await host.sh('umount /var/lib/lxc');
    await told('mount_changed', {
      path: '/var/lib/lxc',
      from: { at: '/var/lib/lxc', source: 'lab-disk', type: 'tmpfs', access: 'rw' },
    });
  });
});

it('and the ledger holds', async () => {
  const { exitCode, stdout } = await host.cli('ledger', 'verify');
  expect(stdout).toContain('OK');
  expect([0, 10]).toContain(exitCode);
});
