// Keeps the host the gateway of what guests publish: after each change of theirs, and when something disturbs it.

import type { Ledger } from '../../core/ledger/writer.ts';
import { asAgentError } from '../../core/lib/errors.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { PublishedAddress } from '../../core/plan/port-security.ts';
import type { Troubles } from '../../state/pending-retries.ts';
import type { Gateway, GatewayWish } from './spec.ts';

export interface PublicNetworkParts {
  gateway: Gateway;
  /** All but what changes. */
  wish: Omit<GatewayWish, 'published' | 'dockerBridges'>;
  /** Devices of Docker's networks, as far as they are known. */
  dockerBridges: () => Promise<readonly string[]>;
  ledger: Pick<Ledger, 'append'>;
  troubles: Troubles;
  ports: () => readonly DesiredPort[];
  /** Resolves when no guest's event is being handled, or after a second of waiting for that. */
  quiet: () => Promise<unknown>;
  /** Whether the runtime has been asked since the agent started: until then a missing guest may only be unknown. */
  isKnown: () => boolean;
  onError: (error: unknown) => void;
}

export interface PublicNetwork {
  /**
   * Resolves once the host serves all that is published now; what is not published any more goes a moment later. What goes
   * wrong is in the ledger and among the troubles.
   */
  sync(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void>;
  /** Resolves once the host is a gateway at all: a container must not ask for one that is not there yet. */
  prepare(cause: () => Promise<number>): Promise<void>;
  published(): PublishedAddress[];
  close(): void;
}

/** What was the gateway's for a guest that ended waits so long: it may be starting again, as containers do. */
const REMOVAL_MS = 500;

/** Stands among the troubles where others have the name of their port. */
export const GATEWAY_TROUBLE = 'gateway';

export function openPublicNetwork(parts: PublicNetworkParts): PublicNetwork {
  const { gateway, wish, ledger, troubles } = parts;
  /** In one order whoever was there first: a guest that starts again changes nothing. */
  const published = () =>
    parts
      .ports()
      .flatMap((port) => port.published ?? [])
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  /** What the host is known to be, so that a start of another guest costs nothing here. */
  let done: string | undefined;
  /** Addresses that it is the gateway of. */
  let served: ReadonlySet<string> = new Set();
  let later: NodeJS.Timeout | undefined;

  // Two processes that only a host with public addresses needs.
  let watching = false;
  const watch = () => {
    if (!watching) gateway.onDisturbance(() => void noteDisturbance().catch(parts.onError));
    watching = true;
  };

  const assert = async (cause: () => Promise<number>): Promise<void> => {
    const now = published();
    if (now.length === 0 && !parts.isKnown()) {
      // A trouble that nobody works on any more would be due for ever.
      troubles.clear(GATEWAY_TROUBLE);
      return;
    }
    if (now.length > 0) watch();
    const asked = JSON.stringify(now);
    const base = { bridge: wish.bridge, mode: wish.mode, published: now.map(({ address }) => address) };
    try {
      const dockerBridges = now.length === 0 ? [] : await parts.dockerBridges();
      const changes = await gateway.assert({ ...wish, dockerBridges, published: now });
      done = asked;
      served = new Set(now.map(({ address }) => address));
      troubles.clear(GATEWAY_TROUBLE);
      if (changes.length === 0) return;
      const action = now.length === 0 ? 'gateway_closed' : 'gateway_set';
      const data = { ...base, changes: changes.map(({ did, what }) => `${did}: ${what}`) };
      await ledger.append({ category: 'connectivity', action, data, cause: await cause() });
    } catch (thrown) {
      done = undefined;
      const error = asAgentError(thrown, 'gateway-failed', 'The host could not be made the gateway');
      const { code, reason } = error;
      if (!troubles.note({ port: GATEWAY_TROUBLE, bridge: wish.bridge, code, reason })) return;
      const data = { ...base, code, error: error.toLine() };
      await ledger.append({
        category: 'connectivity',
        action: 'gateway_set_failed',
        data,
        cause: await cause(),
      });
    }
  };

  /** One at a time; whoever asks while one runs shares the next, which sees everything that happened before. */
  const inTurn = (cause: () => Promise<number>): Promise<void> => {
    if (running === undefined) {
      running = assert(cause).finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return inTurn(cause);
      });
    return next;
  };

  const noteDisturbance = async () => {
    if (published().length === 0) return;
    let height: Promise<number> | undefined;
    const cause = () => {
      height ??= ledger
        .append({
          category: 'lifecycle',
          action: 'reconcile',
          data: { reason: "the host's network changed" },
          metadata: { kind: 'event' },
        })
        .then((block) => block.height);
      return height;
    };
    // A guest that starts is what disturbs it most often, and has work for the processors itself.
    await parts.quiet();
    await inTurn(cause);
  };
  return {
    async prepare(cause) {
      if ((done === undefined || served.size === 0) && published().length > 0) await inTurn(cause);
    },
    async sync(cause, attached) {
      const now = published();
      if (running === undefined && done === JSON.stringify(now)) return;
      const isLess =
        done !== undefined && now.length < served.size && now.every(({ address }) => served.has(address));
      if (isLess) {
        later ??= setTimeout(() => {
          later = undefined;
          if (done !== JSON.stringify(published())) void inTurn(cause).catch(parts.onError);
        }, REMOVAL_MS);
        return;
      }
      // The host forwards already, and closes what is not to be open; the dozen processes of a look come after the start.
      if (done !== undefined && served.size > 0) {
        await gateway.hold(now).catch(parts.onError);
        await attached?.catch(() => undefined);
      }
      await inTurn(cause);
    },
    published,
    close() {
      clearTimeout(later);
      gateway.close();
    },
  };
}
