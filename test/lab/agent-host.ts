// A test host with the package installed, and what a bystander can see there: rows, profiles, files, the ledger.
import { inject } from 'vitest';
import { type CommandResult, type Host, type HostOptions, type Suite, upHost } from './host.ts';

/** A port of a guest as OVSDB has it; the ports that bridges have themselves are left out. */
export interface SeenPort {
  port: string;
  bridge: string;
  interface: string;
  tag: number | null;
  trunks: number[];
  /** Whether ovs-vswitchd could open the device. */
  usable: boolean;
  /** external_ids with our prefix taken off; empty for a port of somebody else. */
  owner: Record<string, string>;
}

/** Everything of guests that can be left behind on a host. */
export interface Traces {
  ports: SeenPort[];
  /** Names of our NetworkManager profiles, without those of bridges. */
  profiles: string[];
  /** Names of the agent's binding files. */
  bindings: string[];
  /** Network devices that belong to guests. */
  links: string[];
}

export const NO_TRACES: Traces = { ports: [], profiles: [], bindings: [], links: [] };

export interface Block {
  height: number;
  category: string;
  action: string;
  cause: number | null;
  data: Record<string, unknown>;
  metadata: Record<string, string>;
  user: string;
}

export interface AgentHost extends Host {
  traces(): Promise<Traces>;
  ledger(): Promise<Block[]>;
  /** Calls a method of the agent; throws what the bus answered. */
  call(member: string, signature?: string, ...args: string[]): Promise<unknown>;
  cli(...args: string[]): Promise<CommandResult>;
  /** Starts the agent; resolves once it has its name on the bus. */
  startAgent(): Promise<void>;
  stopAgent(): Promise<void>;
}

export const STATE = '/var/lib/ovs-port-agent';
export const LEDGER = `${STATE}/ledger.jsonl`;
/** What a guest's own network script calls. */
export const LXC_HOOK = `${STATE}/hooks/lxc`;
export const SNIPPET = 'local:snippets/ovs-port-agent';

/** The timer is as good as off: what gets right must get right by an event. */
const TIMER = 'reconcile_interval = 86400';
const BRIDGES = `[bridges.ovsbr0]
addresses = ["10.0.0.1/24"]
[bridges.ovsbr1]
addresses = ["203.0.113.1/24"]
`;

/**
 * @param keys top-level lines for the configuration file
 * @param suite the Debian of the host, and so which daemons it has
 * @param sections tables for the configuration file, in place of the two bridges with addresses
 */
export async function upAgentHost(
  name: string,
  keys = '',
  suite: Suite = 'forky',
  sections = BRIDGES,
  options: HostOptions = {},
): Promise<AgentHost> {
  const host = await upHost(suite, name, options);
  try {
    await host.sh('pve-init; mkdir -p /etc/ovs-port-agent');
    await host.exec(['sh', '-c', 'cat >/etc/ovs-port-agent/config.toml'], {
      input: `${keys}\n${TIMER}\n${sections}`,
    });
    // As configuration management does it: the file is there first, dpkg keeps it.
    await host.sh(`echo 'Dpkg::Options { "--force-confold"; };' >/etc/apt/apt.conf.d/90lab`);
    await host.installDeb(inject('deb'));
    await host.sh('docker-image');
  } catch (error) {
    await host.down();
    throw error;
  }
  return watched(host);
}

export function watched(host: Host): AgentHost {
  return {
    ...host,
    traces: async () => readTraces(await host.sh(LOOK)),
    ledger: async () => readLedger(await host.sh(`cat ${LEDGER}`)),
    call: (member, ...args) => callAgent(host, member, args),
    cli: (...args) => host.exec(['ovs-port-agent', ...args]),
    startAgent: async () => void (await host.sh('systemctl start ovs-port-agent')),
    stopAgent: async () => void (await host.sh('systemctl stop ovs-port-agent')),
  };
}

export const BUS_NAME = 'dev.ovs.PortAgent1';
export const BUS_PATH = '/dev/ovs/PortAgent1';

async function callAgent(
  host: Host,
  member: string,
  args: readonly (string | undefined)[],
): Promise<unknown> {
  const call = ['busctl', '--json=short', '--timeout=60', 'call', BUS_NAME, BUS_PATH, BUS_NAME, member];
  const { stdout, stderr, exitCode } = await host.exec([...call, ...args.filter((arg) => arg !== undefined)]);
  if (exitCode !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as { data: unknown[] }).data[0];
}

/** One that is stopped, purged or hangs has no profile that anybody could see. */
const NM_ANSWERS =
  'busctl --timeout=3 --auto-start=no call org.freedesktop.NetworkManager / org.freedesktop.DBus.Peer Ping >/dev/null 2>&1';

const LOOK = `
ovs-vsctl --timeout=10 --format=json --columns=name,ports list Bridge
ovs-vsctl --timeout=10 --format=json --columns=_uuid,name,interfaces,tag,trunks,external_ids list Port
ovs-vsctl --timeout=10 --format=json --columns=_uuid,name,ofport,error list Interface
(! ${NM_ANSWERS} || nmcli --terse --fields NAME connection show) | jq -Rcs 'split("\\n")'
find /run/ovs-port-agent/bindings -type f -name '*.json' -printf '%f\\n' | jq -Rcs 'split("\\n")'
ip -json link | jq -c '[.[].ifname]'
`;

interface OvsTable {
  headings: string[];
  data: unknown[][];
}

function readTraces(text: string): Traces {
  const documents = text.split('\n').map((line) => JSON.parse(line) as unknown);
  const [bridges, ports, links] = documents.slice(0, 3).map((table) => rowsOf(table as OvsTable));
  const [profiles = [], bindings = [], devices = []] = documents.slice(3) as string[][];
  const holder = new Map(bridges?.flatMap((row) => setOf(row.ports).map((uuid) => [uuid, row.name])));
  const byUuid = new Map(links?.map((row) => [row._uuid, row]));
  const seen = (ports ?? []).map((row): SeenPort => {
    const link = byUuid.get(setOf(row.interfaces)[0]);
    return {
      port: String(row.name),
      bridge: String(holder.get(row._uuid)),
      interface: String(link?.name),
      tag: (setOf(row.tag)[0] as number | undefined) ?? null,
      trunks: setOf(row.trunks) as number[],
      usable: Number(setOf(link?.ofport)[0] ?? -1) > 0 && setOf(link?.error).length === 0,
      owner: ownerOf(row.external_ids as Record<string, string>),
    };
  });
  return {
    ports: seen.filter(({ port, bridge }) => port !== bridge).sort((a, b) => (a.port < b.port ? -1 : 1)),
    profiles: profiles.filter((name) => /^ovs-port-agent (?!bridge )/.test(name)).sort(),
    bindings: bindings.filter(Boolean).sort(),
    links: devices.filter((link) => /^(?:vi\d|veth|tap)/.test(link)).sort(),
  };
}

function ownerOf(externalIds: Record<string, string>): Record<string, string> {
  const prefix = 'ovs-port-agent.';
  const ours = Object.entries(externalIds).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(ours.map(([key, value]) => [key.slice(prefix.length), value]));
}

function rowsOf({ headings, data }: OvsTable): Record<string, unknown>[] {
  return data.map((row) => Object.fromEntries(row.map((value, at) => [headings[at], plain(value)])));
}

/** OVSDB's JSON (RFC 7047 §5.1): `["set", […]]`, `["map", […]]`, `["uuid", "…"]`. */
function plain(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const [kind, content] = value as [string, unknown[]];
  if (kind === 'set') return content.map(plain);
  if (kind === 'map') return Object.fromEntries(content.map((pair) => pair as [string, unknown]));
  return content;
}

/** A column with one value comes without a set around it. */
function setOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function readLedger(text: string): Block[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { block: Block }).block);
}
