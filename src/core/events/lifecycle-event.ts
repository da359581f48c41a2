// What a source tells the agent: one thing that happened to one guest. A source decides nothing.

import { z } from 'zod';
import { guestNameProblem } from '../guest/guest.ts';
import { vmidSchema } from '../guest/vmid.ts';
import { interfaceNameSchema } from '../lib/device-name-schemas.ts';

const name = z.string().superRefine((value, context) => {
  const problem = guestNameProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
const common = {
  /** Makes an event that came twice (hook timed out, then spooled) one event. */
  id: z.string().regex(/^[A-Za-z0-9:._-]{8,200}$/, 'an event id has 8 to 200 letters, digits or : . _ -'),
  /** When it happened, RFC 3339. */
  at: z.iso.datetime(),
  /** Ports that the hook took out of the switch itself, because the agent could not be reached. */
  swept: z.array(interfaceNameSchema).max(1000).optional(),
};
const absolutePath = z.string().regex(/^\/[^\0\n]{0,4095}$/, 'must be an absolute path');

const proxmoxEvent = z.strictObject({
  ...common,
  source: z.literal('proxmox'),
  phase: z.enum(['pre-start', 'post-start', 'pre-stop', 'post-stop']),
  vmid: vmidSchema,
  migratedFrom: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/, 'must be the name of a node')
    .optional(),
});

const lxcEvent = z.strictObject({
  ...common,
  source: z.literal('lxc'),
  phase: z.enum(['net-up', 'net-down', 'start-host', 'post-stop']),
  name,
  /** Host end of the veth; of network phases only. */
  interface: z.optional(interfaceNameSchema),
  /** `lxc.net.N.link`, when it has one. */
  link: z.optional(interfaceNameSchema),
  /** The container's init; of `start-host` only. */
  pid: z.int().positive().optional(),
  configFile: absolutePath.optional(),
  target: z.enum(['stop', 'reboot']).optional(),
});

const dockerEvent = z.strictObject({
  ...common,
  source: z.literal('docker'),
  phase: z.enum(['start', 'die', 'destroy', 'rename', 'health']),
  containerId: z.string().regex(/^[0-9a-f]{64}$/, 'a container id has 64 hexadecimal digits'),
  name,
  /** The former name; of `rename` only. */
  formerName: name.optional(),
  image: z.string().max(512).default(''),
  exitCode: z.int().optional(),
});

const manualEvent = z.strictObject({
  ...common,
  source: z.literal('manual'),
  phase: z.enum(['attach', 'detach']),
  interface: interfaceNameSchema,
  name,
  vmid: vmidSchema,
  nic: z.int().min(0).max(999).default(0),
  bridge: z.string().optional(),
  vlan: z
    .object({ tag: z.number().optional(), trunks: z.array(z.number()), mode: z.string().optional() })
    .optional(),
  mtu: z.number().optional(),
  /** The queue of the guest that has the port already, where its events are not keyed by VMID. */
  guestKey: z.string().optional(),
});

export const lifecycleEventSchema = z.discriminatedUnion('source', [
  proxmoxEvent,
  lxcEvent,
  dockerEvent,
  manualEvent,
]);

/** Events that a client may hand in over D-Bus; the agent makes the others itself. */
export const hookEventSchema = z.discriminatedUnion('source', [proxmoxEvent, lxcEvent]);

export type LifecycleEvent = z.infer<typeof lifecycleEventSchema>;
export type ProxmoxEvent = z.infer<typeof proxmoxEvent>;
export type LxcEvent = z.infer<typeof lxcEvent>;
export type DockerEvent = z.infer<typeof dockerEvent>;
export type ManualEvent = z.infer<typeof manualEvent>;

interface Keys<Event> {
  queue(event: Event): string;
  /** Where it is another. */
  desired?(event: Event): string;
}

const KEYS: { [S in LifecycleEvent['source']]: Keys<Extract<LifecycleEvent, { source: S }>> } = {
  proxmox: { queue: ({ vmid }) => `vmid:${vmid}` },
  lxc: { queue: ({ name }) => (/^[1-9][0-9]{2,8}$/.test(name) ? `vmid:${name}` : `lxc:${name}`) },
  docker: { queue: ({ name }) => `docker:${name}`, desired: ({ containerId }) => `docker:${containerId}` },
  manual: { queue: ({ guestKey, vmid }) => guestKey ?? `vmid:${vmid}` },
};

/**
 * What a guest's claim on ports goes by. A Docker container's is its id: names change hands, also while word of
 * the former owner's end is still on its way.
 */
export function desiredKeyOf(event: LifecycleEvent): string {
  const keys: Keys<LifecycleEvent> = KEYS[event.source];
  return (keys.desired ?? keys.queue)(event);
}

/** Which events must not overtake one another: those of one guest, or of guests with one name. */
export function guestKeyOf(event: LifecycleEvent): string {
  const keys: Keys<LifecycleEvent> = KEYS[event.source];
  return keys.queue(event);
}
