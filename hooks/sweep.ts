// While the agent cannot be reached: takes rows of a guest that does not run out of the switch, since they would keep it
// from starting. Proxmox and LXC plug a NIC under its own name, and OVSDB refuses a second row for one device.

import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import * as z from 'zod/mini';
import { parsePortName } from '../src/core/guest/vmid.ts';
import { jsonStream } from '../src/core/ovsdb/json-stream.ts';
import { keeperOfRow } from '../src/core/plan/driver-names.ts';

const SOCKET = '/run/openvswitch/db.sock';
const DATABASE = 'Open_vSwitch';
const DEADLINE_MS = 1_000;

/** Whose rows: those of a Proxmox guest, of either kind, or of a container that LXC calls so. */
export type SweepTarget = { vmid: number; runtimes: readonly string[] } | { lxcName: string };

const uuid = z.tuple([z.literal('uuid'), z.string()]);
const foundSchema = z.array(
  z.object({
    rows: z.array(
      z.object({
        _uuid: uuid,
        name: z.string(),
        external_ids: z.tuple([z.literal('map'), z.array(z.tuple([z.string(), z.string()]))]),
        /** One, or a set of several, which none of ours has. */
        interfaces: z.tuple([z.string(), z.unknown()]),
      }),
    ),
  }),
);
const linksSchema = z.array(z.object({ rows: z.array(z.object({ _uuid: uuid, name: z.string() })) }));
const doneSchema = z.array(z.nullable(z.object({ error: z.optional(z.string()) })));

/**
 * Removes the ports `vi…` that carry our marks for the guest and that no program such as NetworkManager keeps; returns their names.
 * Never throws and takes a second at most: a guest waits. What is left is for the agent.
 */
export async function sweepRows(target: SweepTarget, path = SOCKET): Promise<string[]> {
  const socket = connect(path);
  const timer = setTimeout(() => socket.destroy(new Error('OVSDB did not answer in time')), DEADLINE_MS);
  try {
    const ask = conversation(socket);
    const select = (table: string, columns: string[]) =>
      marksOf(target).map((marks) => ({
        op: 'select',
        table,
        where: [['external_ids', 'includes', ['map', marks]]],
        columns,
      }));
    const ports = select('Port', ['_uuid', 'name', 'external_ids', 'interfaces']);
    const answers = await ask([...ports, ...select('Interface', ['_uuid', 'name'])]);
    const found = foundSchema.parse(Array.isArray(answers) ? answers.slice(0, ports.length) : answers);
    const links = linksSchema.parse(Array.isArray(answers) ? answers.slice(ports.length) : answers);
    const names = new Map(links.flatMap(({ rows }) => rows.map(({ _uuid: [, id], name }) => [id, name])));
    const stale = found
      .flatMap(({ rows }) => rows)
      .filter(({ name, interfaces, external_ids: [, ids] }) => {
        const marks = new Map(ids);
        const identity = parsePortName(name);
        const isNamedSo =
          identity !== undefined &&
          marks.get('ovs-port-agent.vmid') === String(identity.vmid) &&
          (marks.get('ovs-port-agent.nic') ?? '0') === String(identity.nic);
        const isHeld = keeperOfRow(Object.fromEntries(ids)) !== undefined;
        return isNamedSo && !isHeld && !isHostHardware(names.get(String(interfaces[1])));
      });
    if (stale.length === 0) return [];
    const removals = stale.map(({ _uuid: row }) => ({
      op: 'mutate',
      table: 'Bridge',
      where: [['ports', 'includes', row]],
      mutations: [['ports', 'delete', row]],
    }));
    const done = doneSchema.parse(await ask(removals));
    return done.some((result) => result?.error !== undefined) ? [] : stale.map(({ name }) => name);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Whatever marks somebody has put on its row. */
function isHostHardware(link: string | undefined): boolean {
  return link !== undefined && !link.includes('/') && existsSync(`/sys/class/net/${link}/device`);
}

/** One set of marks for each runtime: a Docker container may have been given the VMID of a Proxmox guest. */
function marksOf(target: SweepTarget): [string, string][][] {
  if ('lxcName' in target) {
    return [
      [
        ['ovs-port-agent.guest', target.lxcName],
        ['ovs-port-agent.runtime', 'lxc'],
      ],
    ];
  }
  return target.runtimes.map((runtime) => [
    ['ovs-port-agent.vmid', String(target.vmid)],
    ['ovs-port-agent.runtime', runtime],
  ]);
}

/** Returns a function that runs a transaction (RFC 7047 §4.1.3) and resolves with its result; one at a time. */
function conversation(socket: Socket): (operations: readonly object[]) => Promise<unknown> {
  let id = 0;
  return (operations) =>
    new Promise((resolve, reject) => {
      const mine = ++id;
      const feed = jsonStream((value) => {
        const reply = value as { id?: unknown; result?: unknown };
        if (reply.id === mine) resolve(reply.result);
      });
      socket.removeAllListeners('data');
      socket.on('data', (chunk) => {
        try {
          feed(chunk);
        } catch (error) {
          reject(error);
        }
      });
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('OVSDB closed the connection')));
      socket.write(JSON.stringify({ id: mine, method: 'transact', params: [DATABASE, ...operations] }));
    });
}
