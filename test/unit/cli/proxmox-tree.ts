// A tree of Proxmox in a temporary folder, and `qm` and `pct` that are functions and change its files.

import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { Exec } from '../../../src/core/lib/exec.ts';
import { parseRecord } from '../../../src/runtimes/proxmox/hookscript/record.ts';
import { cli } from './fake.ts';

export const OURS = 'local:snippets/ovs-port-agent';
export const MINE = 'nas:snippets/mine';
export const VM_NET = 'net0: virtio=BC:24:11:00:01:01,bridge=vmbr0\n';
export const CT_NET = 'net0: name=eth0,hwaddr=BC:24:11:00:02:01,bridge=vmbr0\n';

/** Made anew for each test. */
export const at = {
  base: '',
  root: '',
  snippets: '',
  commands: [] as string[],
  /** What `qm` and `pct` say instead of doing their work. */
  refusal: undefined as string | undefined,
};

/** For the tests of the file that calls it. */
export function useProxmoxTree(): void {
  beforeEach(async () => {
    at.base = await mkdtemp(join(tmpdir(), 'proxmox-verbs-'));
    at.root = join(at.base, 'pve');
    at.snippets = join(at.base, 'nas', 'snippets');
    at.commands = [];
    at.refusal = undefined;
    for (const kind of ['qemu-server', 'lxc']) {
      await mkdir(join(at.root, 'nodes/pve1', kind), { recursive: true });
      await symlink(`nodes/pve1/${kind}`, join(at.root, kind));
    }
    await mkdir(at.snippets, { recursive: true });
    await writeFile(
      join(at.root, 'storage.cfg'),
      `dir: nas\n\tpath ${join(at.base, 'nas')}\n\tcontent at.snippets\n`,
    );
    await script('mine');
    await script('ovs-port-agent');
    await config('qemu-server', 101, `name: web\n${VM_NET}`);
    await config('lxc', 201, `hostname: db\nhookscript: ${MINE}\n${CT_NET}`);
    await vmlist({ 101: 'pve1', 201: 'pve1', 300: 'pve2' });
  });

  afterEach(() => rm(at.base, { recursive: true }));
}

export async function script(name: string): Promise<void> {
  await writeFile(join(at.snippets, name), '#!/bin/sh\n');
  await chmod(join(at.snippets, name), 0o755);
}

export const confOf = (kind: string, vmid: number) => join(at.root, 'nodes/pve1', kind, `${vmid}.conf`);
export const config = (kind: string, vmid: number, text: string) => writeFile(confOf(kind, vmid), text);
export const vmlist = (nodes: Record<number, string>) =>
  writeFile(
    join(at.root, '.vmlist'),
    JSON.stringify({
      version: 1,
      ids: Object.fromEntries(Object.entries(nodes).map(([vmid, node]) => [vmid, { node, type: 'qemu' }])),
    }),
  );
export const hookscript = async (kind: string, vmid: number) =>
  /^hookscript: (.*)$/m.exec(await readFile(confOf(kind, vmid), 'utf8'))?.[1];
export const recordFile = (vmid: number) => join(at.root, 'ovs-port-agent/hookscripts', String(vmid));
export const record = async (vmid: number) => parseRecord(await readFile(recordFile(vmid), 'utf8'));
export const records = () => readdir(join(at.root, 'ovs-port-agent/hookscripts')).catch(() => []);

export const exec: Exec = async (file, [verb, vmid, option, value] = []) => {
  at.commands.push([file, verb, vmid, option, value].join(' '));
  if (at.refusal !== undefined) {
    const cause = Object.assign(new Error('exit code 255'), { stderr: at.refusal });
    throw new AgentError('exec-failed', `${file} failed: ${at.refusal}`, { cause });
  }
  const kind = file === 'qm' ? 'qemu-server' : 'lxc';
  const lines = (await readFile(confOf(kind, Number(vmid)), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('hookscript:'));
  if (option === '--hookscript') lines.push(`hookscript: ${value}`);
  await config(kind, Number(vmid), `${lines.join('\n')}\n`);
  return '';
};

export const run = (argv: string[], more: Parameters<typeof cli>[1] = {}) =>
  cli(['proxmox', ...argv], {
    exec,
    runtimeDir: join(at.base, 'run'),
    stateDir: at.base,
    localStorage: join(at.base, 'nas'),
    proxmox: `root = ${JSON.stringify(at.root)}`,
    agent: { NoteHookscript: 1 },
    ...more,
  });
