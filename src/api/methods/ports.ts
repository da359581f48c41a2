// The methods about ports: which there are, and those that are attached and removed by hand.

import { z } from 'zod';
import { parseAttachOptions } from '../../runtimes/manual/attach-options.ts';
import type { Binding, DesiredState } from '../../state/desired-state.ts';
import { guestName, ifname, none, text, vmid } from '../arguments.ts';
import { type Attached, type ByHandParts, openByHand } from '../by-hand.ts';
import { jsonMethod, type Method, method } from '../method.ts';

export interface PortMethodParts extends ByHandParts {
  desiredState: DesiredState;
  /** One word for each port that guests have. */
  healthOfPorts: () => Promise<ReadonlyMap<string, string>>;
}

const sentence = z.string();
const device = { name: 'raw_ifname', type: 's' };
const container = { name: 'container_id', type: 's' };
const number = { name: 'vmid', type: 'u' };

export function portMethods(parts: PortMethodParts): Method[] {
  return [...listed(parts), ...changed(parts)];
}

function listed({ desiredState, healthOfPorts }: PortMethodParts): Method[] {
  return [
    method({
      name: 'list_ports',
      in: [],
      out: { name: 'ports', type: 'as' },
      schema: none,
      answer: () => z.array(z.string()),
      run: async () =>
        desiredState
          .bindings()
          .map(({ port }) => port)
          .sort(),
    }),
    jsonMethod({
      name: 'describe_ports',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/ports.ts')).portsSchema,
      run: async () => {
        const health = await healthOfPorts();
        return desiredState
          .bindings()
          .map((binding) => ({ ...described(binding), health: health.get(binding.port) ?? 'ok' }));
      },
    }),
  ];
}

function changed(parts: PortMethodParts): Method[] {
  const { attach, detach } = openByHand(parts);
  const created = ({ container: name }: Attached) => `Container interface created for ${name}`;
  const removal = (name: string) =>
    method({
      name,
      changes: 'call',
      in: [text('name')],
      out: text('answer'),
      schema: z.tuple([ifname]),
      answer: () => sentence,
      run: async ([wanted], caller) => {
        await detach(wanted, caller);
        return `Container interface ${wanted} removed`;
      },
    });
  return [
    method({
      name: 'add_port',
      changes: 'call',
      in: [text('name')],
      out: text('answer'),
      schema: z.tuple([ifname]),
      answer: () => sentence,
      run: async ([link], caller) => created(await attach(link, link, undefined, caller)),
    }),
    removal('del_port'),
    method({
      name: 'create_container_interface',
      changes: 'call',
      in: [device, container, number],
      out: text('answer'),
      schema: z.tuple([ifname, guestName, vmid]),
      answer: () => sentence,
      run: async ([link, name, id], caller) => created(await attach(link, name, id, caller)),
    }),
    jsonMethod({
      name: 'attach_interface',
      changes: 'call',
      in: [device, container, number, text('options')],
      schema: z.tuple([ifname, guestName, vmid, z.string().max(65_536)]),
      answer: async () => (await import('../answers/ports.ts')).attachedSchema,
      compact: true,
      run: ([link, name, id, options], caller) => attach(link, name, id, caller, parseAttachOptions(options)),
    }),
    jsonMethod({
      name: 'detach_interface',
      changes: 'call',
      in: [text('name')],
      schema: z.tuple([ifname]),
      answer: async () => (await import('../answers/ports.ts')).detachedSchema,
      compact: true,
      run: ([name], caller) => detach(name, caller),
    }),
    removal('remove_container_interface'),
  ];
}

/** The keys that people and programs read in `list`. */
function described(binding: Binding) {
  const { port, row, guest, vmid: id, runtime, bridge, driver, since, nic, veth } = binding;
  return {
    port,
    row: row ?? port,
    guest,
    vmid: id,
    nic,
    runtime,
    bridge,
    interface: binding.interface,
    driver,
    since,
    ...(veth?.addresses[0] !== undefined && { address: veth.addresses[0], addresses: veth.addresses }),
  };
}
