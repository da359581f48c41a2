// Docker containers: from what Docker says of them to the ports they should have.

import { createHash } from 'node:crypto';
import type { Config } from '../../core/config/config.ts';
import { AgentError } from '../../core/errors.ts';
import type { DockerEvent } from '../../core/events/lifecycle-event.ts';
import { containerName, type DockerContainer, decideAttach } from '../../core/guest/docker-attach.ts';
import type { Guest } from '../../core/guest/guest.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Claim } from '../claims.ts';
import type { Vmids } from '../vmids.ts';
import type { Resolution, Source } from './resolution.ts';

/** The Docker engine, as far as we ask it. */
export interface DockerEngine {
  /** Undefined when there is no such container. Throws `docker-unreachable`. */
  inspect(id: string): Promise<DockerContainer | undefined>;
  /** Ids of the containers that run. */
  running(): Promise<string[]>;
}

export interface DockerParts {
  engine: DockerEngine;
  rules: Config['docker'];
  vmids: Vmids;
  /** Makes MAC addresses differ between hosts. */
  machineId: string;
  claim: (key: string) => Claim | undefined;
}

export function dockerSource(parts: DockerParts): Source<DockerEvent> {
  const attach = async (container: DockerContainer): Promise<Resolution> => {
    const name = containerName(container);
    const decision = decideAttach(container, parts.rules);
    if (!decision.attach) {
      const skipped = decision.selected ? [decision.reason] : [];
      return { ports: [], skipped, note: decision.reason };
    }
    const vmid = await parts.vmids.claim('docker', name, decision.vmid);
    const guest: Guest = { runtime: 'docker', vmid, name, id: container.Id };
    const port = portName(vmid);
    const wish: DesiredPort = {
      port,
      // The veth is ours, so that host end and port can have one name.
      interface: port,
      bridge: decision.bridge,
      guest,
      nic: 0,
      veth: {
        pid: container.State.Pid,
        guestInterface: decision.interface,
        mac: macOf(parts.machineId, name, decision.interface),
        ...(decision.address !== undefined && { address: decision.address }),
        ...(decision.gateway !== undefined && { gateway: decision.gateway }),
      },
    };
    return { guest, ports: [wish], skipped: [], note: decision.reason };
  };

  const guestOf = (event: DockerEvent): Guest | undefined => parts.claim(`docker:${event.name}`)?.guest;

  const gone = (event: DockerEvent): Resolution => {
    const guest = guestOf(event);
    return { ...(guest && { guest }), ports: [], skipped: [], note: 'its ports are gone' };
  };

  return {
    async resolve(event) {
      switch (event.phase) {
        case 'start': {
          const container = await parts.engine.inspect(event.containerId);
          return container?.State.Running ? attach(container) : gone(event);
        }
        case 'die': {
          // A replayed `die` of an earlier life must not take the port of the present one.
          const now = await parts.engine.inspect(event.containerId);
          return now?.State.Running ? attach(now) : gone(event);
        }
        case 'destroy':
          await parts.vmids.release('docker', event.name);
          return gone(event);
        case 'rename':
          if (event.formerName !== undefined) {
            await parts.vmids.rename('docker', event.formerName, event.name);
          }
          return { ...(guestOf(event) && { guest: guestOf(event) as Guest }), skipped: [], note: 'renamed' };
      }
    },

    async current() {
      try {
        const containers = await Promise.all(
          (await parts.engine.running()).map((id) => parts.engine.inspect(id)),
        );
        const found: { key: string; resolution: Resolution }[] = [];
        for (const container of containers) {
          if (!container?.State.Running) continue;
          found.push({ key: `docker:${containerName(container)}`, resolution: await attach(container) });
        }
        return found;
      } catch (error) {
        if (error instanceof AgentError && error.code === 'docker-unreachable') return undefined;
        throw error;
      }
    },
  };
}

/** A locally administered unicast address that a container keeps for as long as it keeps its name. */
function macOf(machineId: string, name: string, link: string): string {
  const digest = createHash('sha256').update(`${machineId}\0${name}\0${link}`).digest();
  return ['02', ...[...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
