// The one port of a container that is to be attached: its number, its device and MAC, its addresses and rules.

import { createHash } from 'node:crypto';
import type { Guest } from '../../core/guest/guest.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { FormerNetwork } from '../../core/kernel/veth-request.ts';
import { parseIp } from '../../core/lib/cidr.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Resolution } from '../source.ts';
import { type AttachDecision, containerName, type DockerContainer } from './attach.ts';
import { nameserversOf } from './nameservers.ts';
import { type DockerParts, keyOf } from './parts.ts';
import type { openStaticAddresses } from './static-addresses.ts';

type Attached = Extract<AttachDecision, { attach: true }>;

export class ContainerPort {
  readonly #parts: Pick<
    DockerParts,
    'binding' | 'desiredGuest' | 'endpoints' | 'machineId' | 'publicBridge' | 'vmids'
  >;
  readonly #statics: Pick<ReturnType<typeof openStaticAddresses>, 'claim'>;

  constructor(
    parts: DockerParts,
    /** Addresses that labels say. */
    statics: Pick<ReturnType<typeof openStaticAddresses>, 'claim'>,
  ) {
    this.#parts = parts;
    this.#statics = statics;
  }

  /** A number that the container did not have before is free again when its port cannot be. */
  of(container: DockerContainer, decision: Attached): Promise<Resolution> {
    return this.#withVmid(container, decision.vmid, (vmid) => this.#attached(container, decision, vmid));
  }

  async #attached(container: DockerContainer, decision: Attached, vmid: number): Promise<Resolution> {
    const { endpoints, publicBridge } = this.#parts;
    const name = containerName(container);
    const guest: Guest = { runtime: 'docker', vmid, name, id: container.Id };
    const port = portName(vmid);
    const nic = this.#nicOf(container, port, decision.interface);
    const { mac } = nic;
    const { role, bridge } = decision;
    const isPublic = role !== undefined && endpoints !== undefined && bridge === publicBridge;
    const endpoint = isPublic ? await endpoints?.of(container, decision, { port, mac }) : undefined;
    this.#statics.claim({ id: container.Id, name }, bridge, endpoint?.own ?? [decision.address ?? []].flat());
    const gateways = endpoint?.gateways ?? [decision.gateway ?? []].flat();
    const desiredPort: DesiredPort = {
      port,
      // The veth is ours, so that host end and port can have one name.
      interface: port,
      bridge: decision.bridge,
      guest,
      nic: 0,
      why: role === undefined ? decision.reason : `${role}: ${decision.reason}`,
      veth: {
        pid: container.State.Pid,
        ...nic,
        addresses: endpoint?.addresses ?? [decision.address ?? []].flat(),
        gateways,
        // Without a new default route they are reached as ever.
        nameservers: gateways.length === 0 ? [] : await nameserversOf(container),
        networks: networksOf(container),
      },
      ...endpoint?.port,
    };
    const { addressTransfers = [], dependents = [] } = endpoint ?? {};
    return { guest, ports: [desiredPort], skipped: [], note: decision.reason, addressTransfers, dependents };
  }

  /** A running container keeps its number whatever it is called meanwhile; a new one gets that of its name. */
  async #withVmid(
    container: DockerContainer,
    wanted: number | undefined,
    use: (vmid: number) => Promise<Resolution>,
  ): Promise<Resolution> {
    const { desiredGuest, vmids } = this.#parts;
    const name = containerName(container);
    const held = desiredGuest(keyOf(container.Id))?.guest;
    if (held === undefined || (wanted !== undefined && wanted !== held.vmid)) {
      return vmids.claimFor('docker', name, wanted, use);
    }
    if (held.name !== name) await vmids.rename('docker', held.name, name);
    return use(held.vmid);
  }

  /** A container that runs keeps the name that its interface has, whatever the configuration says by now. */
  #nicOf({ Id: id, State: { Pid: pid } }: DockerContainer, port: string, wanted: string) {
    const had = this.#parts.binding(port);
    if (had?.id === id && had.veth?.pid === pid) {
      return { guestInterface: had.veth.guestInterface, mac: had.veth.mac };
    }
    return { guestInterface: wanted, mac: macOf(this.#parts.machineId, port, wanted) };
  }
}

/** Without what is no address: Docker leaves fields empty that do not apply. */
function networksOf({ NetworkSettings: settings }: DockerContainer): FormerNetwork[] {
  const known = (texts: readonly string[]) => texts.flatMap((text) => parseIp(text)?.text ?? []);
  return Object.values(settings?.Networks ?? {})
    .flatMap((network) => network ?? [])
    .map((network) => ({
      id: network.EndpointID,
      addresses: known([network.IPAddress, network.GlobalIPv6Address]),
      gateways: known([network.Gateway, network.IPv6Gateway]),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A locally administered unicast address that goes with the port: names change hands while both containers run. */
function macOf(machineId: string, port: string, link: string): string {
  const digest = createHash('sha256').update(`${machineId}\0${port}\0${link}`).digest();
  return ['02', ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
