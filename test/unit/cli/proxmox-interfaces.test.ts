// The verbs about Proxmox's interfaces file, on a folder that stands in for /etc/network.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { NM_UUID_KEY } from '../../../src/core/plan/driver-names.ts';
import { readLastRun } from '../../../src/ifupdown/last-result.ts';
import { cli } from './fake.ts';

const VMBR0 = 'auto vmbr0\niface vmbr0 inet manual\n\tovs_type OVSBridge\n\tovs_ports eno1\n';

let base: string;
let networkDir: string;
let runtimeDir: string;
const read = () => readFile(join(networkDir, 'interfaces'), 'utf8');
const write = (text: string) => writeFile(join(networkDir, 'interfaces'), text);

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'opa-interfaces-verbs-'));
  [networkDir, runtimeDir] = [join(base, 'network'), join(base, 'run')];
  for (const name of ['network', 'pve']) await mkdir(join(base, name));
  await write(VMBR0);
});
afterEach(() => rm(base, { recursive: true }));

const bridge = (name: string, more = {}) => ({
  name,
  datapathType: 'system' as const,
  externalIds: {},
  ...more,
});
const run = (
  argv: string,
  bridges = [bridge('vmbr0'), bridge('ovsbr0')],
  proxmox = `root = "${join(base, 'pve')}"`,
) =>
  cli(['proxmox', 'interfaces', ...argv.split(' ')], {
    networkDir,
    runtimeDir,
    bridges,
    proxmox,
    exec: async () => '',
  });

describe('proxmox interfaces show', () => {
  it('shows the lines that would come, with those around them, and ends with 1', async () => {
    const { code, out } = await run('show');
    expect(code).toBe(1);
    expect(out[0]).toBe(`${join(networkDir, 'interfaces')}:`);
    expect(out).toContain('  \tovs_ports eno1');
    expect(out).toContain('+ iface ovsbr0 inet manual');
    expect(await read()).toBe(VMBR0);
  });

  it('ends with 0 when all is done', async () => {
    await run('apply');
    expect(await run('show')).toMatchObject({
      code: 0,
      out: [`${join(networkDir, 'interfaces')}: nothing to change`],
    });
  });

  it('gives programs the lines that differ', async () => {
    const { out } = await run('show --json');
    const { files, refusals } = JSON.parse(out.join('\n'));
    expect(refusals).toEqual([]);
    expect(files[0].diff.every(({ sign }: { sign: string }) => sign === '+')).toBe(true);
  });

  it('prints what is in the file without letting it steer the terminal', async () => {
    await write(`${VMBR0}# \u001b[2J M\u00fcller\n`);
    const { out } = await run('show');
    expect(out).toContain('  # \\x1b[2J M\u00fcller');
  });
});

describe('proxmox interfaces apply', () => {
  it('says what it did, and leaves it for the agent', async () => {
    const { code, out } = await run('apply');
    expect(code).toBe(0);
    expect(out[0]).toBe(`${join(networkDir, 'interfaces')}: changed`);
    expect(out.map((line) => line.trim().split(':')[0])).toContain('ovsbr0');
    const record = JSON.parse(await readFile(join(runtimeDir, 'proxmox-interfaces.json'), 'utf8'));
    expect(record).toMatchObject({ ok: true, files: [{ changed: true }], refusals: [] });
    expect(await readLastRun(runtimeDir)).toEqual({ at: Date.parse(record.at) });
  });

  it('ends with 1 and says why when a bridge is refused; the others are done', async () => {
    const owned = bridge('ovsbr0', { externalIds: { [NM_UUID_KEY]: 'b5a7' } });
    const { code, out } = await run('apply', [bridge('vmbr0'), owned]);
    expect(code).toBe(1);
    expect(out.join('\n')).toMatch(/NOT DONE for ovsbr0: NetworkManager owns it/);
    expect(await read()).toContain('ovs-ports-condone-regex');
  });

  it('writes nothing on a host without Proxmox', async () => {
    expect(await run('apply', [], 'root = "/nowhere"')).toMatchObject({ code: 1, out: [] });
    expect(await run('apply', [], 'enabled = false')).toMatchObject({ code: 2, out: [] });
    expect(await read()).toBe(VMBR0);
    const record = JSON.parse(await readFile(join(runtimeDir, 'proxmox-interfaces.json'), 'utf8'));
    expect(record).toMatchObject({ ok: false, error: { code: 'bad-config' } });
    expect(await readLastRun(runtimeDir)).toEqual({ at: Date.parse(record.at), error: 'bad-config' });
    await writeFile(join(runtimeDir, 'proxmox-interfaces.json'), '{"at":');
    expect(await readLastRun(runtimeDir)).toBeUndefined();
  });

  it('writes nothing when the lock is not to be had', async () => {
    const conflict = new AgentError('exec-failed', 'flock failed', { cause: { exitCode: 75 } });
    const { code, err } = await cli(['proxmox', 'interfaces', 'apply'], {
      networkDir,
      runtimeDir,
      proxmox: `root = "${join(base, 'pve')}"`,
      exec: () => Promise.reject(conflict),
    });
    expect([code, err.length]).toEqual([1, 1]);
    expect(err[0]).toContain('[interfaces-busy]');
    expect(await read()).toBe(VMBR0);
  });
});

describe('proxmox interfaces remove', () => {
  it('puts back every byte, and asks neither the switch nor Proxmox', async () => {
    await run('apply');
    const { code, out } = await run('remove', [], 'enabled = false');
    expect(code).toBe(0);
    expect(out[0]).toContain('changed');
    expect(await read()).toBe(VMBR0);
  });
});
