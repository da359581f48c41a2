// Test hosts with our package installed, as the measurements want them.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, type Suite, upHost } from '../test/lab/host.ts';
import type { Row } from './row.ts';

/** Relative to the repository, which is at /src inside. */
const INSIDE = 'dist/bench/inside.cjs';
/** What is written and synchronised while a port is made must go to a real disk: a host's own file system is memory. */
const ON_DISK = ['/var/lib/ovs-port-agent', '/var/lib/openvswitch'];

export interface HostOptions {
  deb: string;
  disk: string;
  say: (text: string) => void;
}

/** Boots a host, installs the package, and measures in it; gives the rows and what runs there. */
export async function withHost(
  suite: Suite,
  { deb, disk }: HostOptions,
  measure: (host: Host) => Promise<Row[]>,
): Promise<{ rows: Row[]; versions: string }> {
  const directory = await mkdtemp(join(disk, 'opa-bench-'));
  try {
    const binds = Object.fromEntries(ON_DISK.map((path, index) => [path, `${directory}/${index}`]));
    await Promise.all(Object.values(binds).map((path) => mkdir(path)));
    await using host = await upHost(suite, 'bench', { binds });
    await host.sh('mkdir -p /etc/pve; pve-init');
    await host.installDeb(deb);
    return { rows: await measure(host), versions: await versionsOf(host) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs sections one after another in one host. */
export function measureInside(
  suite: Suite,
  sections: readonly string[],
  options: HostOptions,
): Promise<{ rows: Row[]; versions: string }> {
  return withHost(suite, options, async (host) => {
    const rows: Row[] = [];
    for (const section of sections) {
      options.say(`${suite}: ${section}`);
      rows.push(...(await runSection(host, section, options.say)));
    }
    return rows;
  });
}

async function runSection(host: Host, section: string, say: HostOptions['say']): Promise<Row[]> {
  if (section === 'hook') await host.sh('qm create 101 --net0 virtio,bridge=ovsbr0');
  if (section === 'netmaker') await host.sh('internet up');
  const { stdout, stderr, exitCode } = await host.exec(['node', `/src/${INSIDE}`, section], {
    onStderr: say,
  });
  if (exitCode !== 0) throw new Error(`${section} on ${host.name} ended with ${exitCode}:\n${stderr}`);
  return JSON.parse(stdout) as Row[];
}

async function versionsOf(host: Host): Promise<string> {
  const text = await host.sh(`
    . /etc/os-release; echo "Debian $VERSION_CODENAME"
    echo "node $(node --version)"
    ! command -v NetworkManager >/dev/null || echo "NetworkManager $(NetworkManager --version)"
    ovs-vswitchd --version | sed -n '1s/.*) /Open vSwitch /p'
    docker --version | sed 's/ version//; s/,.*//'`);
  return text.split('\n').join(', ');
}
