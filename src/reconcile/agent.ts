// The agent's heart: events become claims, claims become ports; reconcile does the same for everybody.

import type { Config } from '../core/config/config.ts';
import type { EventResult, PortReport } from '../core/events/event-result.ts';
import { claimKeyOf, guestKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { parsePortName } from '../core/guest/vmid.ts';
import type { VethRequest } from '../core/kernel/veth-request.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { type AgentError, asAgentError, isAgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import { type Once, once } from '../core/lib/once.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Resolution, Source } from '../runtimes/source.ts';
import type { Claims } from '../state/desired-state.ts';
import type { Troubles } from '../state/pending-retries.ts';
import { openContainerLooks } from './container-looks.ts';
import type { Convergence } from './converge.ts';
import { openOthers, queueKeyOf } from './dependents.ts';
import { eventData } from './event-data.ts';
import type { ToldEvents } from './reported-events.ts';
import { resultMessage } from './result-message.ts';
import { openLooks } from './resync.ts';

/** Who handed an event in, as the bus knows it. */
export interface Caller {
  user: string;
  pid: number;
}

/** An event with what is known of how it came. `late`: see `Source.resolve`. */
interface Handed {
  event: LifecycleEvent;
  caller: Caller | undefined;
  spooled: boolean;
  late: boolean;
}

/** Events kept in memory while the ledger cannot be written; a host has far fewer guests. */
const DEFERRED_MAX = 10_000;
/** Stands among the troubles where others have the name of their port. */
const LEDGER_TROUBLE = 'ledger';

/** The reason of a reconcile that nothing in particular asked for. */
export const TIMER = 'timer';

type EventOf<S extends LifecycleEvent['source']> = Extract<LifecycleEvent, { source: S }>;
export type Sources = { [S in LifecycleEvent['source']]: Source<EventOf<S>> };

export interface AgentParts {
  config: Config;
  ledger: Ledger;
  claims: Claims;
  troubles: Troubles;
  sources: Sources;
  converge: Convergence['converge'];
  settled: Convergence['settled'];
  guestQueue: KeyedQueue;
  /** Ids of events handled lately, so that one that comes again is known. */
  known: { has(id: string): boolean; add(id: string): void };
  /** Whether the switch can be worked on. */
  ready: () => Promise<boolean>;
  /** What a Proxmox guest should have now; undefined when the number is none of Proxmox's here. */
  lookAt: (vmid: number) => Promise<Resolution | undefined>;
  /** What a Docker container should have now. */
  containerAt: (id: string) => Promise<Resolution>;
  /**
   * Brings the host to what the guests publish now; what goes wrong is among the troubles and in the ledger. `attached`:
   * settles once the guest that it is for has its ports.
   */
  publish: (cause: () => Promise<number>, attached?: Promise<unknown>) => Promise<void>;
  /** Resolves once the host is a gateway at all; does not throw. */
  prepare: (cause: () => Promise<number>) => Promise<void>;
  /** Gives a container that still runs the default route that it had before; does not throw. */
  release: (veth: VethRequest) => Promise<void>;
  /** Has the guest looked at again in so many milliseconds. */
  lookLater: (vmid: number, ms: number) => void;
  /** First word of the event's action in the ledger: a backup starts and stops a guest too, for itself. */
  occasionOf: (event: LifecycleEvent) => Promise<'guest' | 'backup'>;
  /** Whether an event of Docker's is recorded although it leads to nothing; without a resolution it could not be handled. */
  isWorthABlock: ToldEvents['isWorthABlock'];
  /** Counts one that was not. */
  leaveOut: ToldEvents['leaveOut'];
  /** Milliseconds of the epoch. */
  now: () => number;
  onTrouble: () => void;
  /** What keeps a look at one runtime from being taken. */
  onError: (error: unknown) => void;
}

export interface Agent {
  /** Never throws for what goes wrong with a guest: that is in the result and in the ledger. */
  handle(event: LifecycleEvent, caller?: Caller, spooled?: boolean): Promise<EventResult>;
  /** Does what an event asked for that an earlier run recorded at `height`, and may have died before it acted. */
  finish(event: LifecycleEvent, height: number): Promise<EventResult>;
  /**
   * Brings one Proxmox guest to what it should have now, because of something that no event tells; `reason` is for the
   * ledger. False when the number is no Proxmox guest's here.
   */
  look(vmid: number, reason: string): Promise<boolean>;
  /** The same for a Docker container whose networks have changed; one that is none of ours is left alone. */
  lookAtContainer(id: string, reason: string): Promise<void>;
  /** Takes the ports of one guest away, whatever its runtime says; `reason` is for the ledger. */
  takeAway(key: string, reason: string): Promise<void>;
  /** Begins nothing more of its own; resolves when what is under way has ended. */
  stop(): Promise<void>;
  /** Brings everything to what the guests that run now should have; `reason` is for the ledger. */
  reconcile(reason: string): Promise<PortReport[]>;
}

export function createAgent(parts: AgentParts): Agent {
  const { ledger, claims, sources, converge, guestQueue, known } = parts;

  // An event is newer than a look at the runtimes that began before it.
  let sequence = 0;
  const lastEvent = new Map<string, number>();
  const isNewer = (key: string, began: number) => (lastEvent.get(key) ?? 0) > began;

  const resolve = (event: LifecycleEvent, late: boolean): Promise<Resolution> =>
    (sources[event.source] as Source<LifecycleEvent>).resolve(event, late);

  /** Its hook has given up waiting by then. */
  const isOverdue = (event: LifecycleEvent) =>
    parts.now() - Date.parse(event.at) > parts.config.hook_deadline * 1000;

  const record = async (event: LifecycleEvent, caller: Caller | undefined, spooled: boolean) => {
    const occasion = await parts.occasionOf(event);
    const block = await ledger.append({
      category: 'lifecycle',
      action: `${occasion}_${event.phase.replaceAll('-', '_')}`,
      data: eventData(event),
      metadata: {
        kind: 'event',
        source: event.source,
        event_id: event.id,
        ...(spooled && { spooled: 'true' }),
      },
      ...(caller && { user: caller.user, pid: caller.pid }),
    });
    known.add(event.id);
    if (event.source === 'proxmox') looks.note(event, block.height);
    return block.height;
  };

  /** Ports that this guest may lose: those it had, and any under its VMID, but none that another guest has now. */
  const scopeOf = (key: string, had: readonly { port: string }[], vmid: number | undefined) => {
    const names = new Set(had.map((wish) => wish.port));
    // Asked of every port there is: most are told by their first letters.
    const prefix = `vi${vmid}`;
    const isUnderVmid = (port: string) => port.startsWith(prefix) && parsePortName(port)?.vmid === vmid;
    const isItsOwn = (port: string) => names.has(port) || (vmid !== undefined && isUnderVmid(port));
    return (port: string) => isItsOwn(port) && (claims.ofPort(port)?.key ?? key) === key;
  };

  /** Ports that an event is taking away at this moment: a reconcile leaves them to it. */
  const inWork = new Set<(port: string) => boolean>();

  const apply = async (key: string, resolution: Resolution, cause: () => Promise<number>) => {
    const former = claims.get(key);
    const { guest, ports } = resolution;
    lastEvent.set(key, ++sequence);
    if (ports === undefined || (guest === undefined && former === undefined)) return [];
    const owner = guest ?? former?.guest;
    if (owner === undefined) return [];
    await claims.set({ key, guest: owner, ports });
    const inScope = scopeOf(key, former?.ports ?? [], guest?.vmid ?? former?.guest.vmid);
    inWork.add(inScope);
    try {
      // A guest without public addresses has nothing to wait for, however long the host takes over those of others.
      const isPublic = [...(former?.ports ?? []), ...ports].some(({ guard }) => guard !== undefined);
      // A container that goes on without its port goes out by the network that it had before.
      const lost = (former?.ports ?? []).filter(({ port }) => !ports.some((wish) => wish.port === port));
      for (const { veth } of lost) if (veth) await parts.release(veth);
      if (ports.some(({ published = [] }) => published.length > 0)) await parts.prepare(cause);
      const converging = converge({ key, desired: ports, inScope, cause });
      const [reports, published] = await Promise.allSettled([
        converging,
        isPublic ? parts.publish(cause, converging) : undefined,
      ]);
      if (reports.status === 'rejected') throw reports.reason;
      if (published.status === 'rejected') throw published.reason;
      return reports.value;
    } finally {
      inWork.delete(inScope);
    }
  };

  const { lookAtOthers, noteMoves } = openOthers({ ...parts, apply });

  const lookAtContainer = openContainerLooks({ ...parts, apply });

  const looks = openLooks({
    ledger,
    claims,
    guestQueue,
    lookAt: parts.lookAt,
    lookLater: parts.lookLater,
    apply,
    now: () => performance.now(),
  });

  const handleNow = async ({ event, caller, spooled, late }: Handed): Promise<EventResult> => {
    if (known.has(event.id)) {
      return { ok: true, message: 'this event is known already', height: null, ports: [] };
    }
    const recorded = once(() => record(event, caller, spooled));
    return act(event, recorded, late || isOverdue(event));
  };

  /**
   * What an event leads to; every block of it has the event's as its cause. `recorded` gives the height of that block,
   * which is made when it is first asked for.
   */
  const act = async (event: LifecycleEvent, recorded: Once<number>, late: boolean): Promise<EventResult> => {
    const key = claimKeyOf(event);
    try {
      // What it means is found out while its block is on the way to the disk; nothing is done before it is there. Whether a
      // container's event is worth a block shows only then.
      const [resolution] = await Promise.all([
        resolve(event, late),
        event.source === 'docker' ? undefined : recorded(),
      ]);
      const isTold = event.source !== 'docker' || parts.isWorthABlock(event, resolution);
      if (isTold) await recorded();
      const { guest, again, others = [], moves = [] } = resolution;
      const tellOthers = async () => {
        if (others.length > 0) await lookAtOthers(others, await recorded());
      };
      // What a guest that has ended had is free for others at once; one that goes on has to let go first.
      const hasEnded = resolution.ports?.length === 0;
      if (hasEnded) void tellOthers().catch(parts.onError);
      const ports = await apply(key, resolution, recorded);
      if (again !== undefined && guest?.runtime.startsWith('proxmox')) parts.lookLater(guest.vmid, again);
      if (moves.length > 0) await noteMoves(resolution, await recorded());
      // Not waited for: it needs its own place in the queue.
      if (!hasEnded) void tellOthers().catch(parts.onError);
      if (isTold && resolution.skipped.length > 0) {
        await ledger.append({
          category: 'lifecycle',
          action: 'guest_skipped',
          data: { ...eventData(event), reasons: [...resolution.skipped] },
          cause: await recorded(),
        });
      }
      const ok = ports.every((port) => port.state !== 'failed' && port.state !== 'held');
      const height = (await recorded.made()) ?? null;
      if (height === null) parts.leaveOut(event, resolution);
      return { ok, message: resultMessage(ports, resolution), height, ports };
    } catch (thrown) {
      const error = asAgentError(thrown, 'bad-event', `${event.source} ${event.phase} could not be handled`);
      const failed: EventResult = { ok: false, message: error.toLine(), height: null, ports: [] };
      if (event.source === 'docker' && recorded.made() === undefined && !parts.isWorthABlock(event)) {
        parts.leaveOut(event);
        return failed;
      }
      const height = await recorded();
      const data: JsonObject = { ...eventData(event), code: error.code, error: error.toLine() };
      await ledger.append({ category: 'lifecycle', action: 'event_failed', data, cause: height });
      return { ...failed, height };
    } finally {
      parts.onTrouble();
    }
  };

  /** Asks every source what runs; one that cannot tell keeps its guests as they are. */
  const refreshClaims = async (cause: () => Promise<number>): Promise<void> => {
    const silent = new Set<string>();
    const seen = new Set<string>();
    const began = sequence;
    lastEvent.clear();
    for (const [name, source] of Object.entries(sources) as [string, Source<LifecycleEvent>][]) {
      const found = await source.current().catch((error: unknown) => {
        parts.onError(error);
        return undefined;
      });
      if (found === undefined) silent.add(name);
      for (const { key, resolution } of found ?? []) {
        seen.add(key);
        const { guest, again, moves = [] } = resolution;
        if (moves.length > 0) await noteMoves(resolution, await cause());
        if (guest === undefined || resolution.ports === undefined) continue;
        if (again !== undefined && guest.runtime.startsWith('proxmox')) parts.lookLater(guest.vmid, again);
        await guestQueue.run(queueKeyOf({ key, guest }), async () => {
          if (resolution.guest === undefined || isNewer(key, began)) return;
          await claims.set({ key, guest: resolution.guest, ports: resolution.ports ?? [] });
        });
      }
    }
    for (const { key, guest } of claims.all()) {
      const runtime = guest.runtime.startsWith('proxmox') ? 'proxmox' : guest.runtime;
      if (!seen.has(key) && !silent.has(runtime) && !isNewer(key, began))
        await claims.set({ key, guest, ports: [] });
    }
  };

  let stopping = false;
  const reconcileNow = async (reason: string): Promise<PortReport[]> => {
    if (stopping || !(await parts.ready())) return [];
    await handleDeferred();
    if (deferred.length > 0) return [];
    let height: Promise<number> | undefined;
    const cause = () => {
      height ??= ledger
        .append({ category: 'lifecycle', action: 'reconcile', data: { reason }, metadata: { kind: 'event' } })
        .then((block) => block.height);
      return height;
    };
    const ensureBridges = Object.entries(parts.config.bridges).flatMap(([name, { create }]) =>
      create ? [name] : [],
    );
    await converge({ desired: [], inScope: () => false, ensureBridges, cause, withProfiles: false });
    await refreshClaims(cause);
    const asked = claims.all();
    // Nearly always nothing is to be done: one look at the switch tells for all guests.
    const settled = await parts.settled(
      asked.map(({ key, guest, ports }) => ({
        key,
        desired: ports,
        inScope: scopeOf(key, ports, guest.vmid),
      })),
    );
    const reports = await Promise.all(
      asked.map(({ key, guest, ports }, index) => {
        if (settled[index]) return ports.map(unchanged);
        return guestQueue.run(queueKeyOf({ key, guest }), async () => {
          const claim = claims.get(key);
          if (claim === undefined) return [];
          if (reason === TIMER && claim.ports.some(({ port }) => parts.troubles.isWaiting(port))) return [];
          return converge({
            key,
            desired: claim.ports,
            inScope: scopeOf(key, claim.ports, claim.guest.vmid),
            cause,
            withProfiles: false,
          });
        });
      }),
    );
    if (stopping) return reports.flat();
    const isLeftOver = (port: string) =>
      claims.ofPort(port) === undefined && ![...inWork].some((inScope) => inScope(port));
    // After the ports: they work without their bridge's own interface, which takes seconds to come up again.
    const leftovers = await converge({
      desired: [],
      inScope: isLeftOver,
      restoreBridges: ensureBridges,
      cause,
    });
    await parts.publish(cause);
    if (deferred.length === 0) parts.troubles.clear(LEDGER_TROUBLE);
    parts.onTrouble();
    return [...reports.flat(), ...leftovers];
  };

  /** Nothing is done that cannot be recorded: what came while the ledger could not be written comes again. */
  const deferred: Handed[] = [];
  /** How many events there was no room for. */
  let lost = 0;
  const noteLedger = ({ code, reason }: AgentError) => {
    parts.troubles.note({ port: LEDGER_TROUBLE, bridge: '', code, reason });
    parts.onTrouble();
  };
  const handleOrDefer = async (handed: Handed) => {
    try {
      return await handleNow(handed);
    } catch (error) {
      if (!isAgentError(error, 'ledger-write-failed')) throw error;
      // One try for all of them: else each event would make the next try later.
      if (deferred.length === 0) noteLedger(error);
      const hasRoom = deferred.length < DEFERRED_MAX;
      if (hasRoom) deferred.push({ ...handed, late: true });
      else lost += 1;
      const message = hasRoom
        ? `waits until the ledger can be written: ${error.toLine()}`
        : `is not recorded, ${DEFERRED_MAX} events wait already: ${error.toLine()}`;
      return { ok: false, message, height: null, ports: [] };
    }
  };
  const handleDeferred = async () => {
    for (const handed of deferred.splice(0)) {
      await guestQueue.run(guestKeyOf(handed.event), () => handleOrDefer(handed));
    }
    if (lost === 0 || deferred.length > 0) return;
    const reason = 'the ledger could not be written, and too many waited already';
    const data = { count: lost, reason };
    await ledger.append({ category: 'lifecycle', action: 'events_lost', data });
    lost = 0;
  };

  let reconciling: Promise<PortReport[]> | undefined;
  let again: Promise<PortReport[]> | undefined;
  return {
    async look(vmid, reason) {
      if (stopping) return true;
      try {
        return await looks.look(vmid, reason);
      } catch (error) {
        if (!isAgentError(error, 'ledger-write-failed')) throw error;
        noteLedger(error);
        return true;
      } finally {
        parts.onTrouble();
      }
    },
    async lookAtContainer(id, reason) {
      if (!stopping) await lookAtContainer(id, reason);
    },
    async takeAway(key, reason) {
      const claim = claims.get(key);
      if (claim === undefined) return;
      await guestQueue.run(queueKeyOf(claim), async () => {
        const data = { reason, guest: claim.guest.name, vmid: claim.guest.vmid };
        const metadata = { kind: 'event' };
        const { height } = await ledger.append({
          category: 'lifecycle',
          action: 'guest_withdrawn',
          data,
          metadata,
        });
        await apply(key, { guest: claim.guest, ports: [], skipped: [], note: reason }, async () => height);
      });
    },
    async stop() {
      stopping = true;
      await guestQueue.close();
    },
    handle: (event, caller, spooled = false) =>
      guestQueue.run(guestKeyOf(event), () => handleOrDefer({ event, caller, spooled, late: spooled })),
    finish: (event, height) =>
      guestQueue.run(guestKeyOf(event), () =>
        act(
          event,
          once(async () => height),
          true,
        ),
      ),
    /** One at a time; whoever asks while one runs gets the next, which sees everything that happened before. */
    reconcile(reason) {
      if (reconciling === undefined) {
        reconciling = reconcileNow(reason)
          .catch((error: unknown) => {
            if (isAgentError(error, 'ledger-write-failed')) noteLedger(error);
            throw error;
          })
          .finally(() => {
            reconciling = undefined;
          });
        return reconciling;
      }
      const current = reconciling;
      again ??= current
        .catch(() => [])
        .then(() => {
          again = undefined;
          return this.reconcile(reason);
        });
      return again;
    },
  };
}

const unchanged = ({ port, interface: link, bridge }: DesiredPort): PortReport => ({
  port,
  interface: link,
  bridge,
  state: 'unchanged',
});
