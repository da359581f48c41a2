// The referee: watches OVSDB by itself and says when an interface became usable, whoever plugged it.

import { createConnection } from 'node:net';
import { jsonStream } from '../../src/core/ovsdb/json-stream.ts';

const SOCKET = '/run/openvswitch/db.sock';
const COLUMNS = ['name', 'ofport', 'error'];

interface InterfaceRow {
  name: string;
  /** A number, or the empty set. */
  ofport: unknown;
  /** A text, or the empty set. */
  error: unknown;
}
type Update = { Interface?: Record<string, { new?: InterfaceRow; old?: Partial<InterfaceRow> }> };

export interface SwitchWatch {
  /** When the interface got an OpenFlow port: milliseconds of `performance.now()`. Rejects on its error. */
  usable(link: string): Promise<number>;
  /** When its row came into OVSDB, which is all that whoever plugs it can do. */
  inserted(link: string): Promise<number>;
  /** Resolves once the interface is not in OVSDB. */
  gone(link: string): Promise<void>;
  close(): void;
}

export async function watchSwitch(): Promise<SwitchWatch> {
  const socket = createConnection(SOCKET);
  const rows = new Map<string, InterfaceRow>();
  const since = new Map<string, number>();
  const came = new Map<string, number>();
  const looks = new Set<() => void>();
  let ready = () => {};
  const first = new Promise<void>((resolve, reject) => {
    ready = resolve;
    socket.once('error', reject);
  });

  const take = (update: Update) => {
    const now = performance.now();
    for (const { new: after, old: before } of Object.values(update.Interface ?? {})) {
      const name = after?.name ?? before?.name ?? '';
      if (after === undefined) {
        rows.delete(name);
        since.delete(name);
        came.delete(name);
        continue;
      }
      rows.set(name, after);
      if (!came.has(name)) came.set(name, now);
      if (isUsable(after) && !since.has(name)) since.set(name, now);
    }
    for (const look of [...looks]) look();
  };
  const send = (message: object) => socket.write(JSON.stringify(message));
  const feed = jsonStream((value) => {
    const message = value as { id?: unknown; method?: string; params?: unknown[]; result?: Update };
    if (message.method === 'echo') send({ id: message.id, result: message.params, error: null });
    else if (message.method === 'update') take(message.params?.[1] as Update);
    else if (message.id === 'watch') {
      take(message.result ?? {});
      ready();
    }
  });
  socket.on('data', feed);
  send({
    id: 'watch',
    method: 'monitor',
    params: ['Open_vSwitch', null, { Interface: { columns: COLUMNS } }],
  });
  await first;

  const until = <T>(what: string, test: () => T | Error | undefined) =>
    new Promise<T>((resolve, reject) => {
      const end = setTimeout(() => reject(new Error(`waited 20 s for ${what}`)), 20_000);
      const look = () => {
        const value = test();
        if (value === undefined) return;
        clearTimeout(end);
        looks.delete(look);
        if (value instanceof Error) reject(value);
        else resolve(value);
      };
      looks.add(look);
      look();
    });

  return {
    usable: (link) =>
      until<number>(`${link} in OVSDB`, () => {
        const error = rows.get(link)?.error;
        if (typeof error === 'string') return new Error(`${link}: ${error}`);
        return since.get(link);
      }),
    inserted: (link) => until(`${link} in OVSDB`, () => came.get(link)),
    gone: (link) => until(`${link} to leave OVSDB`, () => (rows.has(link) ? undefined : true)).then(() => {}),
    close: () => socket.destroy(),
  };
}

const isUsable = ({ ofport, error }: InterfaceRow) =>
  typeof ofport === 'number' && ofport > 0 && typeof error !== 'string';
