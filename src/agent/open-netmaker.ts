// Puts the parts of the Netmaker support together: addresses, rules, the host's part, the mesh, what is told of it.

import type { Method } from '../api/method.ts';
import { netmakerMethods } from '../api/methods/netmaker.ts';
import { reportContainers, reportNetmaker } from '../api/netmaker-report.ts';
import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import { observePorts } from '../core/drivers/ovsdb/observe.ts';
import { hostAddresses } from '../core/kernel/addresses.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { pause } from '../core/lib/deadline.ts';
import type { Exec, Follow } from '../core/lib/exec.ts';
import type { KeyedQueue } from '../core/lib/keyed-queue.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { addressesOfOthers, heldBy } from '../netmaker/address/claimed-addresses.ts';
import { insidePool } from '../netmaker/address/inside.ts';
import { openLeases } from '../netmaker/address/leases.ts';
import { lookAtLeases } from '../netmaker/address/look-at-leases.ts';
import { poolsOf, reservedRanges } from '../netmaker/address/pools.ts';
import { knownBridges } from '../netmaker/gateway/docker-bridges.ts';
import { openGateway } from '../netmaker/gateway/gateway.ts';
import { THIS_BOOT } from '../netmaker/gateway/place.ts';
import { GATEWAY_TROUBLE, openPublicNetwork } from '../netmaker/gateway/public-network.ts';
import { type Guards, openGuards } from '../netmaker/port-security/guarded-ports.ts';
import { openIsolation } from '../netmaker/port-security/port-security.ts';
import { RULES_TROUBLE, refreshRules } from '../netmaker/port-security/refresh-rules.ts';
import { openAttestor } from '../netmaker/stun/attest-containers.ts';
import { openResponder } from '../netmaker/stun/responder.ts';
import { openWarning, summarize } from '../netmaker/summary.ts';
import { openWireGuardReader } from '../netmaker/wireguard/read-wireguard.ts';
import { type MeshWatch, startMeshWatch } from '../netmaker/wireguard/watch.ts';
import type { openDocker } from '../runtimes/docker/engine.ts';
import { type NetmakerEndpoints, netmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { Claims } from '../state/desired-state.ts';
import type { Troubles } from '../state/pending-retries.ts';

/** How long a look at the host waits at most for guests that are being attended to. */
const QUIET_MS = 1_000;
/** Stands among the troubles where others have the name of their port. */
const UPLINK_TROUBLE = 'uplink';

export interface NetmakerParts {
  config: Config;
  bus: Pick<Bus, 'emit'>;
  exec: Exec;
  follow: Follow;
  ovsdb: OvsdbClient;
  docker: ReturnType<typeof openDocker>;
  claims: Claims;
  ledger: Ledger;
  troubles: Troubles;
  veths: Veths;
  guestQueue: KeyedQueue;
  leasesPath: string;
  gatewayRecordPath: string;
  now: () => number;
  onProblem: (problem: string) => void;
  onError: (error: unknown) => void;
}

export interface Netmaker {
  guards: Guards;
  /** Undefined when the configuration leaves Netmaker out. */
  endpoints: NetmakerEndpoints | undefined;
  /** Brings the host to what the guests publish now. */
  publish(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void>;
  /** Resolves once the host is a gateway at all, for guests that are about to be attached. */
  prepare(cause: () => Promise<number>): Promise<void>;
  /** Looks at what only a look can tell: rules that are gone, containers that vanished unseen. */
  look(): Promise<void>;
  /** For `status`. */
  summary(): ReturnType<typeof summarize>;
  /** How many addresses were taken back by hand, and belong to containers that wait for them. */
  withdrawn(): number;
  /** What keeps containers' addresses from being reached although the host is their gateway, one line each. */
  unreached(): readonly string[];
  /** Begins to watch and to answer; `source` is there by then. */
  start(parts: StartParts): Method[];
  /** Tells the bus that something about a container's port is another now. */
  changed(container: string, what: string): void;
  close(): Promise<void>;
}

interface StartParts {
  source: DockerSource;
  /** Brings the ports of one container to nothing. */
  takeAway: (key: string, reason: string) => Promise<void>;
  /** Resolves when nothing of any guest is under way. */
  idle: () => Promise<void>;
}

export async function openNetmaker(parts: NetmakerParts): Promise<Netmaker> {
  const { config, ovsdb, claims, ledger, docker, exec, now } = parts;
  const { netmaker: rules } = config;
  const enabled = rules.enabled && config.docker.enabled;
  const pools = poolsOf(rules);
  const uplink = rules.mode === 'l2' && rules.uplink !== 'auto' ? rules.uplink : undefined;
  const guards = openGuards(openIsolation(exec), ovsdb, uplink);
  const ports = () => claims.all().flatMap((claim) => claim.ports);

  const leases = await openLeases({
    path: parts.leasesPath,
    pools,
    reserved: reservedRanges(rules),
    cooldownMs: rules.cooldown * 1000,
    misses: rules.misses,
    now,
    inUse: ({ key }) => new Set([...hostAddresses(), ...addressesOfOthers(claims, key)]),
    held: () => heldBy(claims, pools),
    onProblem: parts.onProblem,
  });

  const held = () => leases.all().flatMap(({ addresses }) => addresses).length;
  const warn = openWarning(rules.pools, parts.onProblem);
  const trouble = () => parts.troubles.all().find(({ port }) => port === GATEWAY_TROUBLE);

  const inside = rules.mode === 'nat1to1' ? insidePool(rules.inside) : undefined;
  const gateway = openGateway({
    exec,
    follow: parts.follow,
    recordPath: parts.gatewayRecordPath,
    bootId: THIS_BOOT,
    onProblem: parts.onProblem,
  });
  let source: DockerSource | undefined;
  let mesh: MeshWatch | undefined;
  let withdrawn = false;
  const publicNetwork = openPublicNetwork({
    gateway,
    wish: {
      mode: rules.mode,
      bridge: rules.bridge,
      pools: inside === undefined ? pools : [...pools, inside],
      uplink: rules.uplink,
      onLink: rules.on_link,
      isolate: rules.isolate,
      hostServices: rules.host_services,
      reserved: rules.reserved,
    },
    dockerBridges: knownBridges(docker.bridges),
    ledger,
    troubles: parts.troubles,
    ports,
    quiet: () => Promise.race([parts.guestQueue.idle(), pause(QUIET_MS)]),
    isKnown: () => !config.docker.enabled || source?.isKnown() === true,
    onError: parts.onError,
  });
  const responder = openResponder({
    addresses: enabled && rules.responder ? pools.map((pool) => zoned(pool.gateway, rules.bridge)) : [],
    stunPort: rules.responder_stun_port,
    httpPort: rules.responder_http_port,
    onError: parts.onError,
  });

  const bindings = () =>
    claims.bindings().filter(({ guard, veth }) => guard !== undefined && veth !== undefined);
  const attestor = openAttestor({ exec, rules, pools, ledger, bindings, now });
  const changed = (container: string, what: string) =>
    parts.bus.emit(AGENT_PATH, AGENT_NAME, 'NetmakerChanged', 'ss', [container, what]);

  const endpoints = enabled
    ? netmakerEndpoints({
        rules,
        pools,
        leases,
        inspect: docker.inspect,
        claims: claims.all,
        isWithdrawn: () => withdrawn,
      })
    : undefined;

  const startMesh = (): MeshWatch =>
    startMeshWatch({
      attached: () =>
        bindings().flatMap(({ guest, id, port, veth }) =>
          id === undefined || veth === undefined ? [] : [{ container: guest, id, pid: veth.pid, port }],
        ),
      async inspect(id) {
        const container = await docker.inspect(id);
        if (container === undefined) return undefined;
        const status = container.State.Health?.Status;
        const health = HEALTH.find((word) => word === status) ?? 'none';
        return { health, restarts: container.RestartCount, startedAt: container.State.StartedAt };
      },
      readWireGuard: openWireGuardReader(exec, now),
      async record({ action, data }) {
        await ledger.append({ category: 'connectivity', action, data });
        changed(String(data.guest), action);
      },
      onHealth: () => undefined,
      intervalMs: rules.watch_interval * 1000,
      now,
      onError: parts.onError,
    });

  const takeAllAway = async (takeAway: StartParts['takeAway']): Promise<void> => {
    for (const { key, guest, ports: wished } of claims.all()) {
      const guarded = wished.filter(({ guard }) => guard !== undefined);
      if (guarded.length === 0) continue;
      for (const { veth } of guarded) if (veth) await parts.veths.release(veth).catch(parts.onError);
      await takeAway(key, 'public addresses are taken back');
      parts.troubles.note({
        port: `container ${guest.name}`,
        bridge: '',
        code: 'addresses-withdrawn',
        reason: 'public addresses are taken back',
      });
      for (const { interface: link } of guarded) await parts.veths.remove(link).catch(parts.onError);
    }
  };
  const withdraw = async ({ takeAway, idle }: StartParts): Promise<void> => {
    withdrawn = true;
    await takeAllAway(takeAway);
    // A container that was starting meanwhile may have got its address after all.
    await idle();
    await takeAllAway(takeAway);
    await responder.close();
    // After what was under way: a trouble that nobody works on any more would be due for ever.
    await gateway.undo().finally(() => {
      for (const trouble of [GATEWAY_TROUBLE, UPLINK_TROUBLE, RULES_TROUBLE]) parts.troubles.clear(trouble);
    });
  };

  /** With mode `l2` nobody forwards for them: without the uplink in the bridge they reach each other and nobody else. */
  const checkUplink = () => {
    if (uplink === undefined) return;
    const isNeeded = ports().some(({ guard, bridge }) => guard !== undefined && bridge === rules.bridge);
    const isPlugged = observePorts(ovsdb.replica).some(
      (port) => port.interface === uplink && port.bridge === rules.bridge,
    );
    if (!isNeeded || isPlugged) return parts.troubles.clear(UPLINK_TROUBLE);
    const reason = `the uplink ${uplink} is not a port of ${rules.bridge}`;
    parts.troubles.note({ port: UPLINK_TROUBLE, bridge: rules.bridge, code: 'uplink-not-plugged', reason });
  };

  return {
    guards,
    endpoints,
    async prepare(cause) {
      if (!withdrawn) await publicNetwork.prepare(cause);
    },
    async publish(cause, attached) {
      warn(held());
      if (withdrawn) return;
      checkUplink();
      await publicNetwork.sync(cause, attached);
      await responder.ensure();
    },
    async look() {
      const guarded = new Set(ports().flatMap(({ guard, bridge }) => (guard ? [bridge] : [])));
      if (enabled) guarded.add(rules.bridge);
      await refreshRules({
        ...parts,
        guards,
        bridges: guarded,
        isNeeded: ports().some(({ guard }) => guard !== undefined),
      });
      // Not waited for: a Docker that hangs must not keep other guests from being looked after.
      if (enabled) void lookAtLeases({ ...parts, leases });
    },
    withdrawn: () => (withdrawn ? held() : 0),
    unreached: () => (withdrawn || held() === 0 ? [] : gateway.hints()),
    summary: () =>
      summarize({
        config,
        addresses: withdrawn ? 0 : held(),
        withdrawn,
        published: publicNetwork.published().length,
        trouble: trouble(),
        hints: gateway.hints(),
      }),
    start(started) {
      source = started.source;
      if (enabled) mesh = startMesh();
      return netmakerMethods({
        containers: () =>
          reportContainers({
            config,
            pools,
            inspect: docker.inspect,
            existing: docker.existing,
            claims,
            leases,
            guards,
            problemOf: started.source.problemOf,
            troubleOf: (port) => parts.troubles.all().find((found) => found.port === port)?.reason,
            isWithdrawn: () => withdrawn,
            mesh: () => mesh,
            attested: attestor.last,
            now,
          }),
        status: () =>
          reportNetmaker({
            config,
            pools,
            leases,
            published: publicNetwork.published,
            trouble,
            counters: gateway.counters,
            listening: responder.listening,
          }),
        leases,
        attestor,
        withdraw: () => withdraw(started),
      });
    },
    changed,
    async close() {
      publicNetwork.close();
      await Promise.all([mesh?.close(), responder.close()]);
    },
  };
}

/** A link-local address says nothing without its link. */
const zoned = (address: string, link: string) =>
  address.startsWith('fe80:') ? `${address}%${link}` : address;

const HEALTH = ['healthy', 'unhealthy', 'starting'] as const;
