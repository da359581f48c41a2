// Records logins: sessions of people that logind opens and closes (org.freedesktop.login1(5)).

import { z } from 'zod';
import type { Bus } from '../../core/bus/bus.ts';
import { entryOf } from '../../core/ledger/producer.ts';
import { shortened } from '../../core/lib/shortened.ts';
import { openBudget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { USERS } from './actions.ts';

const LOGIN = 'org.freedesktop.login1';
const MANAGER = `${LOGIN}.Manager`;

export interface LoginParts {
  bus: Pick<Bus, 'subscribe' | 'call'>;
  ledger: Appender;
  steady: () => number;
  onError: (error: unknown) => void;
}

const sessionSignal = z.tuple([z.string(), z.string()]);
const listReply = z.tuple([z.array(z.tuple([z.string(), z.number(), z.string(), z.string(), z.string()]))]);
const userOf = z.tuple([z.number(), z.string()]).transform(([uid]) => uid);
const said = z
  .string()
  .transform((text) => (text === '' ? undefined : shortened(text, 255)))
  .optional();
const propertiesReply = z.tuple([
  z.object({
    User: userOf,
    Name: said,
    Class: z.string(),
    Type: said,
    Service: said,
    TTY: said,
    RemoteHost: said,
    RemoteUser: said,
    Leader: z.number().optional(),
  }),
]);

/** Sessions at once, then one in so many milliseconds. */
const BURST = 60;
const EVERY_MS = 10_000;
/** Open ones that are remembered, so that their end is told. */
const OPEN_MAX = 1024;

/** Resolves when it listens; logind need not be there. Throws what `subscribe` does. */
export async function watchLogins(parts: LoginParts): Promise<() => Promise<void>> {
  const { bus, ledger, onError } = parts;
  const budget = openBudget(BURST, EVERY_MS, parts.steady);
  const open = new Map<string, { session: string; uid: number; user?: string }>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<unknown>) => {
    turn = turn.then(work).catch(onError);
  };

  const opened = async (id: string, path: string) => {
    const session = await propertiesOf(bus, path);
    if (session === undefined || !session.Class.startsWith('user') || open.size >= OPEN_MAX) return;
    if (!budget.take()) return;
    const who = whoOf(id, session);
    open.set(id, who);
    const data = {
      ...who,
      ...given({
        type: session.Type,
        service: session.Service,
        tty: session.TTY,
        remote_host: session.RemoteHost,
        remote_user: session.RemoteUser,
      }),
      ...(session.Leader !== undefined && { leader: session.Leader }),
    };
    await ledger.append(entryOf(USERS, { action: 'session_opened', data }));
  };
  const closed = async (id: string) => {
    const data = open.get(id);
    if (data === undefined) return;
    open.delete(id);
    await ledger.append(entryOf(USERS, { action: 'session_closed', data }));
  };

  const ends = await Promise.all([
    bus.subscribe({ sender: LOGIN, interface: MANAGER, member: 'SessionNew' }, ({ body }) => {
      const [id, path] = sessionSignal.parse(body);
      inTurn(() => opened(shortened(id, 64), path));
    }),
    bus.subscribe({ sender: LOGIN, interface: MANAGER, member: 'SessionRemoved' }, ({ body }) => {
      const [id] = sessionSignal.parse(body);
      inTurn(() => closed(shortened(id, 64)));
    }),
  ]);
  // Whose beginning an agent before this one has told: the end of those is told, too.
  for (const [id, path] of await sessionsOf(bus)) {
    const session = await propertiesOf(bus, path);
    if (session?.Class.startsWith('user') && !open.has(id) && open.size < OPEN_MAX)
      open.set(id, whoOf(id, session));
  }
  return async () => {
    await Promise.all(ends.map((end) => end().catch(onError)));
    await turn;
  };
}

/** None where logind does not run. */
async function sessionsOf(bus: Pick<Bus, 'call'>): Promise<[id: string, path: string][]> {
  try {
    const [sessions] = listReply.parse(
      await bus.call({
        destination: LOGIN,
        path: '/org/freedesktop/login1',
        interface: MANAGER,
        member: 'ListSessions',
        deadlineMs: 5000,
      }),
    );
    return sessions.slice(0, OPEN_MAX).map(([id, , , , path]) => [shortened(id, 64), path]);
  } catch {
    return [];
  }
}

const whoOf = (session: string, { User: uid, Name: user }: { User: number; Name?: string | undefined }) => ({
  session,
  uid,
  ...(user !== undefined && { user }),
});

/** Undefined when it is gone already. */
async function propertiesOf(bus: Pick<Bus, 'call'>, path: string) {
  try {
    const answer = await bus.call({
      destination: LOGIN,
      path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'GetAll',
      signature: 's',
      body: [`${LOGIN}.Session`],
      deadlineMs: 5000,
    });
    return propertiesReply.parse(answer)[0];
  } catch {
    return undefined;
  }
}

const given = (values: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
