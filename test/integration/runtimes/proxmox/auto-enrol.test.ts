// Who is enrolled by itself, on a tree and a state file in a temporary folder; systemd is a list of what was asked.

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BusCall } from '../../../../src/core/bus/bus.ts';
import { autoEnrolment, ENROLL_UNIT, enrolmentCheck } from '../../../../src/runtimes/proxmox/auto-enroll.ts';
import { formatRecord } from '../../../../src/runtimes/proxmox/hookscript/record.ts';

const OURS = 'hookscript: local:snippets/ovs-port-agent\n';

let base: string;
let root: string;
let statePath: string;
let asked: BusCall[];
let now: number;
let look: () => Promise<void>;
let systemd: () => Promise<unknown[]>;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'auto-enrol-'));
  root = join(base, 'pve');
  statePath = join(base, 'known-guests.json');
  for (const kind of ['qemu-server', 'lxc']) {
    await mkdir(join(root, 'nodes/pve1', kind), { recursive: true });
    await symlink(`nodes/pve1/${kind}`, join(root, kind));
  }
  asked = [];
  now = 1_000_000;
  systemd = async () => ['/job/1'];
  await guests({ 101: '', 102: '' }, [900]);
  look = open(true);
});

afterEach(() => rm(base, { recursive: true }));

const parts = (enabled: boolean) => ({
  bus: {
    call: (call: BusCall) => {
      asked.push(call);
      return systemd();
    },
  },
  root,
  statePath,
  enabled,
  now: () => now,
});
const open = (enabled: boolean) => enrolmentCheck(parts(enabled));

/** The guests here with their configurations, and those on other nodes. */
async function guests(here: Record<number, string>, elsewhere: number[] = []): Promise<void> {
  const folder = join(root, 'nodes/pve1/qemu-server');
  await rm(folder, { recursive: true });
  await mkdir(folder);
  for (const [vmid, text] of Object.entries(here)) await writeFile(join(folder, `${vmid}.conf`), text);
  const ids = Object.fromEntries([
    ...Object.keys(here).map((vmid) => [vmid, { node: 'pve1', type: 'qemu' }]),
    ...elsewhere.map((vmid) => [vmid, { node: 'pve2', type: 'qemu' }]),
  ]);
  await writeFile(join(root, '.vmlist'), JSON.stringify({ version: 1, ids }));
}

const known = async () =>
  (JSON.parse(await readFile(statePath, 'utf8')) as { vmids: number[] }).vmids.join(' ');

/** One look; how often it asked systemd. */
async function asks(): Promise<number> {
  const before = asked.length;
  await look();
  return asked.length - before;
}

describe('switched on', () => {
  it('takes the guests of the whole cluster that are there for known', async () => {
    expect(await asks()).toBe(0);
    expect(await known()).toBe('101 102 900');
  });

  it('asks systemd for the unit when a guest is new', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: 'hookscript: local:snippets/other\n' }, [900]);
    expect(await asks()).toBe(1);
    expect(asked[0]).toMatchObject({
      destination: 'org.freedesktop.systemd1',
      member: 'StartUnit',
      body: [ENROLL_UNIT, 'replace'],
    });
  });

  it('counts a guest that was made while the agent was away', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    look = open(true);
    expect(await asks()).toBe(1);
  });

  it('knows a guest that has the hookscript, also after somebody takes it away', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: OURS }, [900]);
    expect(await asks()).toBe(0);
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    expect(await asks()).toBe(0);
  });

  it('asks for no template, and for no guest that was unenrolled', async () => {
    await look();
    await mkdir(join(root, 'ovs-port-agent/hookscripts'), { recursive: true });
    await writeFile(join(root, 'ovs-port-agent/hookscripts/104'), formatRecord({ state: 'unenrolled' }));
    await guests({ 101: '', 102: '', 103: 'template: 1\n', 104: '' }, [900]);
    expect(await asks()).toBe(0);
  });

  it('waits for a guest that is locked while it is made', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: 'lock: create\n' }, [900]);
    expect(await asks()).toBe(0);
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    expect(await asks()).toBe(1);
  });

  it('asks again for a guest that stays without, at longer and longer distances', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    const waits: number[] = [];
    let last = now;
    for (let seconds = 0; seconds < 8 * 3600; seconds += 30) {
      if ((await asks()) > 0) {
        waits.push((now - last) / 1000);
        last = now;
      }
      now += 30_000;
    }
    expect(waits.slice(0, 8)).toEqual([0, 30, 60, 120, 240, 480, 960, 1800]);
    expect(Math.max(...waits)).toBe(1800);
  });

  it('asks at once for one that comes while another fails', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    await look();
    await guests({ 101: '', 102: '', 103: '', 104: '' }, [900]);
    expect(await asks()).toBe(1);
  });

  it('takes a number that comes back for a new guest', async () => {
    await look();
    await guests({ 101: '' }, [900]);
    await look();
    await guests({ 101: '', 102: '' }, [900]);
    expect(await asks()).toBe(1);
  });

  it('concludes nothing from a list of guests that cannot be right', async () => {
    await look();
    for (const text of ['', '{"ver', '{"version":2}']) {
      await writeFile(join(root, '.vmlist'), text);
      expect(await asks()).toBe(0);
    }
    expect(await known()).toBe('101 102 900');
  });

  it('concludes nothing while the cluster file system is not mounted', async () => {
    await look();
    await rm(root, { recursive: true });
    await mkdir(root);
    expect(await asks()).toBe(0);
    expect(await known()).toBe('101 102 900');
  });
});

describe('switched off', () => {
  it('forgets who was known, so that the next time begins anew', async () => {
    await look();
    await open(false)();
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    look = open(true);
    expect(await asks()).toBe(0);
    expect(await known()).toBe('101 102 103 900');
  });
});

describe('the timer', () => {
  it('makes one look of several calls, and outlives an error', async () => {
    await look();
    await guests({ 101: '', 102: '', 103: '' }, [900]);
    systemd = () => Promise.reject(new Error('no such unit'));
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const enrolment = autoEnrolment({
      ...parts(true),
      debounceMs: () => 5,
      intervalMs: () => 3_600_000,
      onError,
    });
    for (let calls = 0; calls < 5; calls++) enrolment.soon();
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    expect(asked).toHaveLength(1);
    systemd = async () => ['/job/2'];
    now += 60_000;
    enrolment.soon();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    enrolment.close();
    expect(errors).toHaveLength(1);
  });
});
