// The table of D-Bus methods: names, signatures and checks of each, and what it does.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Config } from '../../core/config/config.ts';
import type { Caller } from '../../core/events/caller.ts';
import type { EventResult } from '../../core/events/event-result.ts';
import { hookEventSchema, type ManualEvent } from '../../core/events/lifecycle-event.ts';
import { guestNameProblem } from '../../core/guest/guest.ts';
import { parseGuestInterface } from '../../core/guest/interface-name.ts';
import { factsOfGuest } from '../../core/guest/runtimes.ts';
import { parsePortName, portName, vmidSchema } from '../../core/guest/vmid.ts';
import { type Ledger, readBlocks, renderFlat, verifyLedger } from '../../core/ledger/index.ts';
import { interfaceNameSchema } from '../../core/lib/device-name-schemas.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Agent } from '../../reconcile/agent.ts';
import { type AttachOptions, parseAttachOptions } from '../../runtimes/manual/attach-options.ts';
import type { Binding, Claims } from '../../state/desired-state.ts';
import { type Method, method } from '../method.ts';
import { noteHookscript } from './hookscript.ts';

export interface MethodParts {
  agent: Agent;
  config: Config;
  claims: Claims;
  ledger: Ledger;
  status: () => Promise<object>;
  /** One word for each port that guests have. */
  healthOfPorts: () => Promise<ReadonlyMap<string, string>>;
  /** A person wants to have all cards now, however often they have vanished. */
  forgetLosses: () => void;
  /** Gives a number to a device whose name tells none; what throws leaves none behind. */
  withVmid: (name: string, use: (vmid: number) => Promise<Attached>) => Promise<Attached>;
  /** Name of the guest that the number belongs to, also while it does not run. */
  vmidOwner: (vmid: number) => Promise<string | undefined>;
  /** Whether a plain LXC container runs. */
  lxcRuns: (name: string) => Promise<boolean>;
  /** What the host itself uses the device for, as the end of a sentence. */
  hostUse: (link: string) => Promise<string | undefined>;
  /** Whether Open vSwitch has a bridge of this name. */
  isBridge: (name: string) => boolean;
}

/** A port that was attached by hand. */
interface Attached extends AttachOptions {
  port: string;
  vmid: number;
  nic: number;
  interface: string;
  container: string;
  bridge: string;
}

/** Most blocks that one call may ask for. */
const BLOCKS_MAX = 10_000;

const none = z.tuple([]);
const ifname = z.unknown().pipe(interfaceNameSchema as unknown as z.ZodType<string>);
const guestName = z.string().superRefine((value, context) => {
  const problem = guestNameProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
const vmid = z.unknown().pipe(vmidSchema as unknown as z.ZodType<number>);
const height = z.coerce.number().int().nonnegative();
const text = (name: string) => [{ name, type: 's' }];

export function agentMethods(parts: MethodParts): Method[] {
  const { agent, claims, ledger, config } = parts;

  /** @param given the VMID that was asked for; without it the device's name tells one, or it gets one. */
  const attach = async (
    link: string,
    name: string,
    given: number | undefined,
    caller: Caller,
    options: AttachOptions = {},
  ): Promise<Attached> => {
    if (
      options.bridge !== undefined &&
      config.bridges[options.bridge] === undefined &&
      !parts.isBridge(options.bridge)
    )
      throw new AgentError('bridge-missing', `There is no OVS bridge ${options.bridge}`);
    const use = await parts.hostUse(link);
    if (use !== undefined) throw new AgentError('bad-argument', `${link} is no guest's device: it ${use}`);
    const bound = claims.bindings().find((binding) => binding.interface === link);
    if (bound && bound.vmid !== given)
      throw new AgentError('name-taken', `${link} is port ${bound.port} already`);
    const identity = parseGuestInterface(link);
    const id = given ?? identity?.vmid ?? parsePortName(link)?.vmid;
    const asGuest = (vmid: number) => attachAs(link, name, vmid, caller, options);
    return id === undefined ? parts.withVmid(link, asGuest) : asGuest(id);
  };
  const attachAs = async (
    link: string,
    name: string,
    id: number,
    caller: Caller,
    options: AttachOptions,
  ): Promise<Attached> => {
    const bindings = claims.bindings();
    const identity = parseGuestInterface(link);
    const nic = identity?.vmid === id ? identity.nic : 0;
    const holder = bindings.find((binding) => binding.vmid === id && binding.nic === nic);
    if (holder && holder.interface !== link) {
      throw new AgentError('name-taken', `${holder.port} belongs to ${holder.guest} (${holder.interface})`);
    }
    const owner = identity?.vmid === id ? undefined : await parts.vmidOwner(id);
    if (owner !== undefined && owner !== name && owner !== link)
      throw new AgentError('name-taken', `VMID ${id} belongs to ${owner}`);
    const guestKey = holder && { guestKey: holder.key };
    const result = await agent.handle(
      { ...manual('attach', link, name, id), nic, ...guestKey, ...options },
      caller,
    );
    // Who asked hears that it failed; no wish of theirs stays behind to be tried again unasked.
    if (!result.ok && !holder) await agent.handle({ ...manual('detach', link, name, id), nic }, caller);
    demand(result);
    const bound = { port: portName(id, nic), vmid: id, nic, interface: link, container: name };
    const bridge = claims.binding(bound.port)?.bridge ?? options.bridge ?? config.default_bridge;
    return {
      ...bound,
      bridge,
      ...(options.vlan && { vlan: options.vlan }),
      ...(options.mtu && { mtu: options.mtu }),
    };
  };
  const created = ({ container }: Attached) => [`Container interface created for ${container}`];

  const detach = async (wanted: string, caller: Caller) => {
    const binding = claims.bindings().find(({ port, interface: link }) => port === wanted || link === wanted);
    if (!binding) throw new AgentError('port-unknown', `There is no port ${wanted} of ours`);
    const { interface: link, guest, vmid: id, nic, runtime, key: guestKey } = binding;
    // A claim for a container that does not run is word of a hook that nothing else bears out.
    const { toldBy } = factsOfGuest(runtime);
    if (toldBy !== 'person' && (toldBy !== 'hook' || (await parts.lxcRuns(guest)))) {
      throw new AgentError(
        'port-in-use',
        `${binding.port} belongs to the running guest ${guest} (${runtime})`,
      );
    }
    demand(await agent.handle({ ...manual('detach', link, guest, id), nic, guestKey }, caller));
    const { port, bridge } = binding;
    return { port, interface: link, bridge, vmid: id, nic, container: guest };
  };
  const removed = async (wanted: string, caller: Caller) => {
    await detach(wanted, caller);
    return [`Container interface ${wanted} removed`];
  };

  return [
    method({ name: 'ping', in: [], out: text('answer'), schema: none, run: async () => ['pong'] }),
    method({
      name: 'list_ports',
      in: [],
      out: [{ name: 'ports', type: 'as' }],
      schema: none,
      run: async () => [
        claims
          .bindings()
          .map(({ port }) => port)
          .sort(),
      ],
    }),
    method({
      name: 'describe_ports',
      in: [],
      out: text('json'),
      schema: none,
      run: async () => {
        const health = await parts.healthOfPorts();
        const ports = claims.bindings().map((binding) => ({
          ...describe(binding),
          health: health.get(binding.port) ?? 'ok',
        }));
        return [JSON.stringify(ports, null, 2)];
      },
    }),
    method({
      name: 'add_port',
      in: text('name'),
      out: text('answer'),
      schema: z.tuple([ifname]),
      run: async ([link], caller) => created(await attach(link, link, undefined, caller)),
    }),
    method({
      name: 'del_port',
      in: text('name'),
      out: text('answer'),
      schema: z.tuple([ifname]),
      run: async ([name], caller) => removed(name, caller),
    }),
    method({
      name: 'create_container_interface',
      in: [
        { name: 'raw_ifname', type: 's' },
        { name: 'container_id', type: 's' },
        { name: 'vmid', type: 'u' },
      ],
      out: text('answer'),
      schema: z.tuple([ifname, guestName, vmid]),
      run: async ([link, name, id], caller) => created(await attach(link, name, id, caller)),
    }),
    method({
      name: 'attach_interface',
      in: [
        { name: 'raw_ifname', type: 's' },
        { name: 'container_id', type: 's' },
        { name: 'vmid', type: 'u' },
        { name: 'options', type: 's' },
      ],
      out: text('json'),
      schema: z.tuple([ifname, guestName, vmid, z.string().max(65_536)]),
      run: async ([link, name, id, options], caller) => [
        JSON.stringify(await attach(link, name, id, caller, parseAttachOptions(options))),
      ],
    }),
    method({
      name: 'detach_interface',
      in: text('name'),
      out: text('json'),
      schema: z.tuple([ifname]),
      run: async ([name], caller) => [JSON.stringify(await detach(name, caller))],
    }),
    method({
      name: 'remove_container_interface',
      in: text('name'),
      out: text('answer'),
      schema: z.tuple([ifname]),
      run: async ([name], caller) => removed(name, caller),
    }),
    method({
      name: 'lifecycle_event',
      in: text('event'),
      out: text('result'),
      schema: z.tuple([z.string().max(65_536, 'an event has at most 65536 characters')]),
      run: async ([json], caller) => {
        const event = parseEvent(json);
        return [JSON.stringify(await agent.handle(event, caller))];
      },
    }),
    noteHookscript(ledger),
    method({
      name: 'reconcile',
      in: [],
      out: text('result'),
      schema: none,
      run: async (_, caller) => {
        parts.forgetLosses();
        return [JSON.stringify(await agent.reconcile(`asked for by ${caller.user}`))];
      },
    }),
    method({
      name: 'get_status',
      in: [],
      out: text('json'),
      schema: none,
      run: async () => [JSON.stringify(await parts.status(), null, 2)],
    }),
    method({
      name: 'get_blockchain_stats',
      in: [],
      out: text('json'),
      schema: none,
      run: async () => [JSON.stringify(await ledger.stats(), null, 2)],
    }),
    method({
      name: 'get_blocks_by_height',
      in: [
        { name: 'start', type: 't' },
        { name: 'end', type: 't' },
      ],
      out: text('json'),
      schema: z
        .tuple([height, height])
        .refine(([start, end]) => start <= end, 'start must not be after end')
        .refine(([start, end]) => end - start < BLOCKS_MAX, `at most ${BLOCKS_MAX} blocks at a time`),
      run: async ([from, to]) => {
        const blocks = [];
        for await (const block of readBlocks(config.ledger.path, { from, to }))
          blocks.push(renderFlat(block));
        return [JSON.stringify(blocks, null, 2)];
      },
    }),
    method({
      name: 'verify_blockchain_integrity',
      in: [],
      out: text('verdict'),
      schema: none,
      run: async () => {
        const { verdict } = await verifyLedger(config.ledger.path, { knownHead: ledger.head() });
        return [`Blockchain integrity: ${verdict === 'ok' ? 'VALID' : 'INVALID'}`];
      },
    }),
  ];
}

function parseEvent(json: string) {
  try {
    return hookEventSchema.parse(JSON.parse(json));
  } catch (error) {
    throw new AgentError('bad-event', 'The event was not understood', { cause: error });
  }
}

function manual(phase: 'attach' | 'detach', link: string, name: string, id: number): ManualEvent {
  const at = new Date().toISOString();
  return { id: randomUUID(), at, source: 'manual', phase, interface: link, name, vmid: id, nic: 0 };
}

/** A port asked for by name must be there in the end, or the caller hears why not. */
function demand({ ok, message, ports }: EventResult): void {
  if (ok) return;
  const obstacle = ports.find((port) => port.code !== undefined);
  throw new AgentError(obstacle?.code ?? 'activation-failed', obstacle?.reason ?? message);
}

/** The keys that people and programs read in `list`. */
function describe(binding: Binding): object {
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
