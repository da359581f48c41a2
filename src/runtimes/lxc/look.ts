// What `doctor` and `explain` look at of plain LXC: the containers that run, and what makes them tell us.

import { join } from 'node:path';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { type FileState, fileState } from '../../core/lib/runnable.ts';
import type { DiagnosisPlace } from '../diagnosis.ts';
import { openLxcContainers } from './containers.ts';

const LXC_COMMON = '/usr/share/lxc/config/common.conf';
const LXC_DROP_IN = '/usr/share/lxc/config/common.conf.d/50-ovs-port-agent.conf';
const LIST_MS = 5000;

/** Plain LXC containers that run, by name; those of other users than root apart. */
export interface RunningContainers {
  names: readonly string[];
  /** Their first processes. */
  inits: ReadonlyMap<string, number>;
  ofUsers: readonly string[];
}

export interface LxcLook {
  installed: boolean;
  dropIn: boolean;
  hook: FileState;
}

/** Proxmox's own are among them. Never throws. */
export function runningContainers(root: string): Promise<Answer<RunningContainers>> {
  return attempt('the list of LXC containers', LIST_MS, async () => {
    const containers = openLxcContainers({ root });
    const running = await containers.running();
    const inits = running.flatMap(({ name, init }) => (init === undefined ? [] : [[name, init] as const]));
    const names = running.map(({ name }) => name);
    return { names, inits: new Map(inits), ofUsers: containers.ofUsers() };
  });
}

/** Never throws. */
export async function lookAtLxc({ stateDir }: DiagnosisPlace): Promise<LxcLook> {
  const [common, dropIn, hook] = await Promise.all([
    fileState(LXC_COMMON),
    fileState(LXC_DROP_IN),
    fileState(join(stateDir, 'hooks/lxc')),
  ]);
  return { installed: common !== 'missing', dropIn: dropIn !== 'missing', hook };
}
