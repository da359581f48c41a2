// While the agent cannot be reached: takes rows of a guest that does not run out of the switch, since they would keep it
// from starting. Proxmox and LXC plug a card under its own name, and OVSDB refuses a second row for one device.

import { connect, type Socket } from 'node:net';
import * as z from 'zod/mini';
import { parsePortName } from '../src/core/guest/vmid.ts';
import { jsonStream } from '../src/core/ovsdb/json-stream.ts';

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
      }),
    ),
  }),
);
const doneSchema = z.array(z.nullable(z.object({ error: z.optional(z.string()) })));

/**
 * Removes the ports `vi…` that carry our marks for the guest and that no NetworkManager holds; returns their names.
 * Never throws and takes a second at most: a guest waits. What is left is for the agent.
 */
export async function sweepRows(target: SweepTarget, path = SOCKET): Promise<string[]> {
  const socket = connect(path);
  const timer = setTimeout(() => socket.destroy(new Error('OVSDB did not answer in time')), DEADLINE_MS);
  try {
    const ask = conversation(socket);
    const columns = ['_uuid', 'name', 'external_ids'];
    const selects = marksOf(target).map((marks) => ({
      op: 'select',
      table: 'Port',
      where: [['external_ids', 'includes', ['map', marks]]],
      columns,
    }));
    const found = foundSchema.parse(await ask(selects)).flatMap(({ rows }) => rows);
    const stale = found.filter(({ name, external_ids: [, ids] }) => {
      const isHeld = ids.some(([key]) => key === 'NM.connection.uuid');
      return !isHeld && parsePortName(name) !== undefined;
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
