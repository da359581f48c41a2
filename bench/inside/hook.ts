// The Proxmox hook as Proxmox runs it with the agent there, beside a Node that does nothing.

import { spawnSync } from 'node:child_process';
import { type Row, row } from '../row.ts';
import { inTurns } from '../series.ts';

const STUB = '/var/lib/vz/snippets/ovs-port-agent';
const VMID = '101';
const WARM_UP = 5;

export async function measureHook(turns: number): Promise<Row[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  // Environment and standard input as PVE::GuestHelpers::exec_hookscript leaves them.
  const env = { PATH: process.env.PATH, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' };
  const timed = (into: number[], file: string, args: string[]) => {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(file, args, { env, encoding: 'utf8' });
    into.push(performance.now() - start);
    if (status !== 0) throw new Error(`${file} ended with ${status}: ${stderr}`);
    return stdout;
  };
  const hook = async (into: number[]) => {
    const said = timed(into, STUB, [VMID, 'pre-start']);
    if (!said.includes('ready for its network cards'))
      throw new Error(`the hook did not reach the agent: ${said}`);
  };
  const node = async (into: number[]) => void timed(into, '/usr/bin/node', ['-e', '0']);
  await inTurns(
    WARM_UP,
    () => hook([]),
    () => node([]),
  );
  await inTurns(
    turns,
    () => hook(ours),
    () => node(peer),
  );
  return [
    row(
      `Proxmox hook, pre-start, Node ${process.version.slice(1)}`,
      'ms',
      ours,
      { name: 'node -e 0', values: peer },
      '<= 0.25',
    ),
  ];
}
