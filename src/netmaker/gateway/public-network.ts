// Keeps the host the gateway of what guests publish: after each change of theirs, and when something disturbs it.

import { entryOf } from '../../core/ledger/producer.ts';
import type { Ledger } from '../../core/ledger/writer.ts';
import { pause } from '../../core/lib/deadline.ts';
import { asAgentError } from '../../core/lib/errors.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { PublishedAddress } from '../../core/plan/port-security.ts';
import { RECONCILES } from '../../state/ledger-actions.ts';
import type { PendingRetries } from '../../state/pending-retries.ts';
import { PUBLIC_ADDRESSES } from '../ledger-actions.ts';
import type { Gateway, GatewaySpec } from './spec.ts';

export interface PublicNetworkParts {
  gateway: Gateway;
  /** All but what changes. */
  spec: Omit<GatewaySpec, 'published' | 'dockerBridges'>;
  /** Devices of Docker's networks, as far as they are known. */
  dockerBridges: () => Promise<readonly string[]>;
  ledger: Pick<Ledger, 'append'>;
  pendingRetries: PendingRetries;
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
   * wrong is in the ledger and among the pending retries.
   */
  sync(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void>;
  /** Resolves once the host is a gateway at all: a container must not ask for one that is not there yet. */
  prepare(cause: () => Promise<number>): Promise<void>;
  published(): PublishedAddress[];
  close(): void;
}

/** What was the gateway's for a guest that ended waits so long: it may be starting again, as containers do. */
const REMOVAL_MS = 500;

/** A host that is the gateway already is looked at for all guests that start within so long together. */
const TOGETHER_MS = 1000;

/** Stands among the pending retries where others have the name of their port. */
export const GATEWAY_RETRY = 'gateway';

export function openPublicNetwork(parts: PublicNetworkParts): PublicNetwork {
  const network = new Network(parts);
  return {
    prepare: (cause) => network.prepare(cause),
    sync: (cause, attached) => network.sync(cause, attached),
    published: () => network.published(),
    close: () => network.close(),
  };
}

class Network {
  readonly #parts: PublicNetworkParts;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** What the host is known to be, so that a start of another guest costs nothing here. */
  #done: string | undefined;
  /** Addresses that it is the gateway of. */
  #served: ReadonlySet<string> = new Set();
  #later: NodeJS.Timeout | undefined;
  #isWatching = false;
  /** When the last look began, in milliseconds of a steady clock. */
  #begunAt = Number.NEGATIVE_INFINITY;
  /** Guests that are getting their ports. */
  readonly #attaching = new Set<Promise<unknown>>();
  /** The next look at a host that is the gateway already; who comes until it begins is served by it. */
  #together: Promise<void> | undefined;

  constructor(parts: PublicNetworkParts) {
    this.#parts = parts;
  }

  /** In one order whoever was there first: a guest that starts again changes nothing. */
  published(): PublishedAddress[] {
    return this.#parts
      .ports()
      .flatMap((port) => port.published ?? [])
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  async prepare(cause: () => Promise<number>): Promise<void> {
    const isGateway = this.#done !== undefined && this.#served.size > 0;
    if (!isGateway && this.published().length > 0) await this.#inTurn(cause);
  }

  async sync(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void> {
    const { gateway, onError } = this.#parts;
    const now = this.published();
    if (this.#running === undefined && this.#done === JSON.stringify(now)) return;
    const isLess =
      this.#done !== undefined &&
      now.length < this.#served.size &&
      now.every(({ address }) => this.#served.has(address));
    if (isLess) {
      this.#later ??= setTimeout(() => {
        this.#later = undefined;
        if (this.#done !== JSON.stringify(this.published())) void this.#inTurn(cause).catch(onError);
      }, REMOVAL_MS);
      return;
    }
    // The host forwards already, and closes what is not to be open; the dozen processes of a look come after the start.
    if (this.#done !== undefined && this.#served.size > 0) {
      const isOver = this.#whileAttaching(attached);
      await gateway.hold(now).catch(onError);
      await isOver;
      this.#together ??= this.#lull().then(() => {
        this.#together = undefined;
        const isDone = this.#running === undefined && this.#done === JSON.stringify(this.published());
        return isDone ? undefined : this.#inTurn(cause);
      });
      return this.#together;
    }
    await this.#inTurn(cause);
  }

  async #whileAttaching(attached: Promise<unknown> = Promise.resolve()): Promise<void> {
    const isOver = attached.catch(() => undefined);
    this.#attaching.add(isOver);
    await isOver;
    this.#attaching.delete(isOver);
  }

  /** Until nobody is getting a port any more, or it has taken long enough. */
  async #lull(): Promise<void> {
    const over = new AbortController();
    let isLong = false;
    const long = pause(TOGETHER_MS, over.signal).then(() => {
      isLong = true;
    });
    while (this.#attaching.size > 0 && !isLong) await Promise.race([Promise.all(this.#attaching), long]);
    over.abort();
  }

  close(): void {
    clearTimeout(this.#later);
    this.#parts.gateway.close();
  }

  /** Two processes that only a host with public addresses needs. */
  #watch(): void {
    const { gateway, onError } = this.#parts;
    if (!this.#isWatching) gateway.onDisturbance(() => void this.#noteDisturbance().catch(onError));
    this.#isWatching = true;
  }

  async #assert(cause: () => Promise<number>): Promise<void> {
    const { gateway, spec, ledger, pendingRetries } = this.#parts;
    this.#begunAt = performance.now();
    const now = this.published();
    if (now.length === 0 && !this.#parts.isKnown()) {
      // A trouble that nobody works on any more would be due for ever.
      pendingRetries.clear(GATEWAY_RETRY);
      return;
    }
    if (now.length > 0) this.#watch();
    const asked = JSON.stringify(now);
    const base = { bridge: spec.bridge, mode: spec.mode, published: now.map(({ address }) => address) };
    try {
      const dockerBridges = now.length === 0 ? [] : await this.#parts.dockerBridges();
      const changes = await gateway.assert({ ...spec, dockerBridges, published: now });
      this.#done = asked;
      this.#served = new Set(now.map(({ address }) => address));
      pendingRetries.clear(GATEWAY_RETRY);
      if (changes.length === 0) return;
      const action = now.length === 0 ? 'gateway_closed' : 'gateway_set';
      const data = { ...base, changes: changes.map(({ did, what }) => `${did}: ${what}`) };
      await ledger.append(entryOf(PUBLIC_ADDRESSES, { action, data, cause: await cause() }));
    } catch (thrown) {
      this.#done = undefined;
      const error = asAgentError(thrown, 'gateway-failed', 'The host could not be made the gateway');
      const { code, reason } = error;
      if (!pendingRetries.note({ port: GATEWAY_RETRY, bridge: spec.bridge, code, reason })) return;
      const data = { ...base, code, error: error.toLine() };
      await ledger.append(
        entryOf(PUBLIC_ADDRESSES, { action: 'gateway_set_failed', data, cause: await cause() }),
      );
    }
  }

  /** One at a time; whoever asks while one runs shares the next, which sees everything that happened before. */
  #inTurn(cause: () => Promise<number>): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#assert(cause).finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#inTurn(cause);
      });
    return this.#next;
  }

  async #noteDisturbance(): Promise<void> {
    if (this.published().length === 0) return;
    const disturbedAt = performance.now();
    let height: Promise<number> | undefined;
    const cause = () => {
      height ??= this.#parts.ledger
        .append(
          entryOf(RECONCILES, {
            action: 'reconcile',
            data: { reason: "the host's network changed" },
            metadata: { kind: 'event' },
          }),
        )
        .then((block) => block.height);
      return height;
    };
    // A guest that starts is what disturbs it most often, and has work for the processors itself.
    await this.#parts.quiet();
    // A look that began since has seen it.
    if (this.#begunAt > disturbedAt) await this.#running;
    if (this.#begunAt > disturbedAt && this.#done !== undefined) return;
    await this.#inTurn(cause);
  }
}
