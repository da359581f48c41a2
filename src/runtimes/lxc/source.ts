// Plain LXC containers: from their hooks, what runs and their configuration file to the ports they should have.

import { join } from 'node:path';
import type { LxcEvent } from '../../core/events/lifecycle-event.ts';
import { guestNameProblem } from '../../core/guest/guest.ts';
import { vmidFromText } from '../../core/guest/vmid.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { retained } from '../retained.ts';
import type { Resolution, Source } from '../source.ts';
import { ContainerPorts, keyOf, nothing, readConfig } from './container-ports.ts';
import type { LxcContainer } from './containers.ts';
import type { LxcParts } from './parts.ts';

interface Found {
  key: string;
  resolution: Resolution;
}

export function lxcSource(parts: LxcParts): Source<LxcEvent> {
  const containers = new Containers(parts);
  return {
    resolve: (event, late = false) => containers.resolve(event, late),
    current: () => containers.current(),
  };
}

class Containers {
  readonly #parts: LxcParts;
  readonly #ports: ContainerPorts;
  /** Names of containers that run and cannot be guests, as last told. */
  #reported: ReadonlySet<string> = new Set();

  constructor(parts: LxcParts) {
    this.#parts = parts;
    this.#ports = new ContainerPorts(parts);
  }

  async resolve(event: LxcEvent, late: boolean): Promise<Resolution> {
    const vmid = vmidFromText(event.name);
    const { pid } = event;
    if (late && pid !== undefined && !(await this.#parts.ranAt(pid, event.at))) {
      return nothing(undefined, `its process ${pid} is gone by now`);
    }
    const isStart = event.phase === 'net-up' || event.phase === 'start-host';
    if (vmid !== undefined && isStart && !late) this.#parts.onProxmoxStart(vmid);
    const proxmox = vmid === undefined ? undefined : await this.#parts.proxmoxContainer(vmid);
    return proxmox ? asProxmox(event, proxmox, late) : this.#asLxc(event, late);
  }

  async current(): Promise<Found[]> {
    const running = await this.#parts.running();
    const pids = running.flatMap(({ init }) => init ?? []);
    const [ends, links] = await Promise.all([
      pids.length === 0 ? new Map<number, string[]>() : this.#parts.hostEndsOf(pids),
      this.#parts.linkNames(),
    ]);
    const found = new Map(
      retained(this.#parts.desiredGuests(), 'lxc', links).map((entry) => [entry.key, entry]),
    );
    const firstPaths = new Map<string, string>();
    const problems = new Map<string, string>();
    for (const container of running) {
      const { name, lxcPath } = container;
      const key = keyOf(name);
      const first = firstPaths.get(key);
      const problem = guestNameProblem(name);
      if (problem !== undefined) problems.set(name, problem);
      else if (first !== undefined) {
        problems.set(name, `it runs in ${first} and in ${lxcPath}: only the one in ${first} has ports`);
      }
      if (problem !== undefined || first !== undefined) continue;
      firstPaths.set(key, lxcPath);
      const resolution = await this.#present(container, ends, links);
      if (resolution !== undefined) found.set(key, { key, resolution });
    }
    for (const name of this.#reported) if (!problems.has(name)) this.#parts.onProblem(name, undefined);
    this.#reported = new Set(problems.keys());
    for (const [name, problem] of problems) this.#parts.onProblem(name, problem);
    await this.#parts.reconcileVmids();
    return [...found.values()];
  }

  /** One that runs, by what is there now; `undefined` for one of Proxmox's, which its own source knows. */
  async #present(
    { name, lxcPath, init }: LxcContainer,
    ends: ReadonlyMap<number, readonly string[]>,
    links: ReadonlySet<string>,
  ): Promise<Resolution | undefined> {
    const vmid = vmidFromText(name);
    if (vmid !== undefined && (await this.#parts.proxmoxContainer(vmid))) return undefined;
    const inside = init === undefined ? undefined : ends.get(init);
    if (init === undefined || inside === undefined) {
      const desiredGuest = this.#parts.desiredGuest(keyOf(name));
      const ports = (desiredGuest?.ports ?? []).filter((port) => links.has(port.interface));
      return {
        ...(desiredGuest && { guest: desiredGuest.guest }),
        ports,
        skipped: [],
        note: 'it starts or ends',
      };
    }
    return this.#ports.started(name, init, inside, await readConfig(join(lxcPath, name, 'config')));
  }

  async #asLxc(event: LxcEvent, late: boolean): Promise<Resolution> {
    const { name } = event;
    const desiredGuest = this.#parts.desiredGuest(keyOf(name));
    const had = desiredGuest?.ports ?? [];
    const known = desiredGuest?.guest;
    const others = had.filter((port) => port.interface !== event.interface);
    const config = () => readConfig(event.configFile ?? join(this.#parts.root, name, 'config'));
    switch (event.phase) {
      case 'net-up': {
        const { interface: link } = event;
        if (link === undefined) return nothing(known, 'the hook named no network device');
        if (late && !(await this.#parts.linkNames()).has(link))
          return nothing(known, `${link} is gone by now`);
        return this.#ports.plugged(event, link);
      }
      case 'start-host': {
        const { pid } = event;
        if (pid === undefined) return nothing(known, 'the hook named no process');
        const links = (await this.#parts.hostEndsOf([pid])).get(pid);
        if (links === undefined) {
          throw new AgentError('container-not-attachable', `The network namespace of process ${pid} is gone`);
        }
        return this.#ports.started(name, pid, links, await config());
      }
      case 'net-down':
      case 'post-stop': {
        const left = event.phase === 'net-down' ? others : [];
        const links = late ? await this.#parts.linkNames() : undefined;
        const ports = links ? had.filter((port) => links.has(port.interface)) : left;
        return { ...(known && { guest: known }), ports, skipped: [], note: 'its ports are gone' };
      }
    }
  }
}

/** For a container of Proxmox its configuration decides, not LXC's; this hook knows only where its init is. */
function asProxmox(event: LxcEvent, found: Resolution, late: boolean): Resolution {
  switch (event.phase) {
    case 'net-up':
      return found;
    case 'start-host': {
      const { pid } = event;
      if (pid === undefined || found.ports === undefined) return found;
      return { ...found, ports: found.ports.map((port) => ({ ...port, peer: { pid } })) };
    }
    case 'net-down':
    case 'post-stop':
      return late || found.ports === undefined ? found : { ...found, ports: [], note: 'its ports are gone' };
  }
}
