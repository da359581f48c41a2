// A test host with an internet around it, and what a bystander sees there of Netmaker's containers.
import { expect } from 'vitest';
import type { ContainerReport } from '../../src/netmaker/report.ts';
import { type AgentHost, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import type { CommandResult, Suite } from './host.ts';

/** The peer far away; neither it nor the router before it translates addresses. */
export const REMOTE = '192.0.2.10';
export const REMOTE6 = '2001:db8:beef::10';
/** The host's own address on its uplink. */
export const UPLINK = '198.51.100.2';
export const IMAGE = 'gravitl/netclient:v1.5.1';

export interface MeshHost extends AgentHost {
  /** Starts a container and waits until it has its port and its address. */
  start(name: string, options?: string, image?: string): Promise<void>;
  /** What `netmaker list` says of one container. */
  report(container: string): Promise<ContainerReport>;
  /** Addresses on ovs0, as the container's kernel has them; link-local ones are left out. */
  addresses(container: string): Promise<string[]>;
  /** Runs a command of the host in the network namespace of a container. */
  inside(container: string, ...command: string[]): Promise<CommandResult>;
  remote(...command: string[]): Promise<CommandResult>;
  /** A process in the background: of the host, of the remote peer, or in a container's network namespace. */
  service(unit: string, where: 'host' | 'remote' | { container: string }, command: string): Promise<void>;
}

export interface MeshPlace {
  suite?: Suite;
  /** Top-level lines for the configuration file. */
  keys?: string;
  /** Keys of `[netmaker]`. */
  netmaker?: string;
  /** Arguments of the stand-in `internet up`. */
  internet?: string;
}

export async function upMeshHost(name: string, place: MeshPlace = {}): Promise<MeshHost> {
  const { suite = 'forky', keys = '', netmaker = '', internet = '' } = place;
  // The gateway's addresses on the bridge are the agent's own matter.
  const host = await upAgentHost(name, keys, suite, `[netmaker]\n${netmaker}\n`);
  try {
    await host.sh(`internet up ${internet}; docker tag opa-test ${IMAGE}`);
  } catch (error) {
    await host.down();
    throw error;
  }
  return meshHost(host);
}

function meshHost(host: AgentHost): MeshHost {
  const namespaceOf = async (container: string) =>
    `/proc/${await host.sh(`docker inspect --format '{{.State.Pid}}' ${container}`)}/ns/net`;
  const report = async (container: string) => {
    const list = JSON.parse(await host.sh('ovs-port-agent netmaker list --json')) as ContainerReport[];
    const found = list.find((entry) => entry.container === container);
    if (found === undefined) throw new Error(`netmaker list does not know ${container}`);
    return found;
  };
  const inside = async (container: string, ...command: string[]) =>
    host.exec(['nsenter', `--net=${await namespaceOf(container)}`, '--', ...command]);
  const addresses = async (container: string) => {
    const { stdout } = await inside(container, 'ip', '-json', 'address', 'show', 'dev', 'ovs0');
    const [link] = JSON.parse(stdout) as { addr_info: { local: string; scope: string }[] }[];
    return (link?.addr_info ?? []).filter(({ scope }) => scope === 'global').map(({ local }) => local);
  };
  return {
    ...host,
    report,
    inside,
    addresses,
    async start(name, options = '', image = 'opa-test') {
      await host.sh(`docker run -d --name ${name} ${options} ${image}`);
      await eventually(
        () => Promise.all([report(name), addresses(name)]),
        ([{ decision, reason, port, addresses: given }, own]) => {
          const told = `${name}: ${decision}, ${port}: ${reason}`;
          expect(decision, told).toBe('attached');
          expect(given, told).not.toEqual([]);
          expect(own.slice(0, given.length), told).toEqual(given);
        },
      );
    },
    remote: (...command) => host.exec(['ip', 'netns', 'exec', 'remote', ...command]),
    async service(unit, where, command) {
      const enter =
        where === 'host'
          ? ''
          : where === 'remote'
            ? 'ip netns exec remote'
            : `nsenter --net=${await namespaceOf(where.container)}`;
      // One that says when it is ready is awaited.
      const type = command.startsWith('peer-address') ? 'notify' : 'exec';
      await host.sh(`
        systemd-run --quiet --collect --unit=${unit} --property=Type=${type} --property=NotifyAccess=all \
          --setenv=PATH="$PATH" ${enter} ${command}`);
    },
  };
}

/** What a server at `address` says to a caller: the address that it was called from, or nothing. */
export const ask = (kind: 'tcp' | 'udp', address: string, port: number, seconds = 3) => [
  'peer-address',
  'ask',
  kind,
  address,
  String(port),
  '--seconds',
  String(seconds),
];
