// Puts the parts of the Netmaker support together: addresses, rules, the host's part, the mesh, what is told of it.

import type { Method } from '../api/method.ts';
import { netmakerMethods } from '../api/methods/netmaker.ts';
import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { poolsOf } from '../netmaker/address/pools.ts';
import { reconcileLeases } from '../netmaker/address/reconcile-leases.ts';
import { GATEWAY_RETRY } from '../netmaker/gateway/public-network.ts';
import { openPortSecurityRules } from '../netmaker/port-security/port-security.ts';
import { refreshRules } from '../netmaker/port-security/refresh-rules.ts';
import { openSecuredPorts, type SecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import { openAttestor } from '../netmaker/stun/attest-containers.ts';
import { openWarning, summarize } from '../netmaker/summary.ts';
import type { MeshWatch } from '../netmaker/wireguard/watch.ts';
import { type NetmakerEndpoints, netmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import { answersOf } from './netmaker-answers.ts';
import { leasesOf, type NetmakerParts, openHostParts } from './netmaker-host.ts';
import { meshOf } from './netmaker-mesh.ts';
import { checkUplink } from './netmaker-uplink.ts';
import { Withdrawal, type WithdrawalTools } from './netmaker-withdrawal.ts';

export interface Netmaker {
  securedPorts: SecuredPorts;
  /** Undefined when the configuration leaves Netmaker out. */
  endpoints: NetmakerEndpoints | undefined;
  /** Brings the host to what the guests publish now. */
  publish(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void>;
  /** Resolves once the host is a gateway at all, for guests that are about to be attached. */
  prepare(cause: () => Promise<number>): Promise<void>;
  /** Looks at what only a look can tell: rules that are gone, containers that vanished unseen. */
  reconcile(): Promise<void>;
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

interface StartParts extends WithdrawalTools {
  source: DockerSource;
}

export async function openNetmaker(parts: NetmakerParts): Promise<Netmaker> {
  const { config, ovsdb, desiredState, ledger, docker, exec, now } = parts;
  const { netmaker: rules } = config;
  const enabled = rules.enabled && config.docker.enabled;
  const pools = poolsOf(rules);
  const uplink = rules.mode === 'l2' && rules.uplink !== 'auto' ? rules.uplink : undefined;
  const securedPorts = openSecuredPorts(openPortSecurityRules(exec), ovsdb, uplink);
  const ports = () => desiredState.all().flatMap((desiredGuest) => desiredGuest.ports);

  const leases = await leasesOf(parts, pools);
  const held = () => leases.all().flatMap(({ addresses }) => addresses).length;
  const warn = openWarning(rules.pools, parts.onProblem);
  const pendingRetry = () => parts.pendingRetries.all().find(({ port }) => port === GATEWAY_RETRY);

  let source: DockerSource | undefined;
  let mesh: MeshWatch | undefined;
  const { gateway, publicNetwork, responder } = openHostParts(parts, {
    pools,
    ports,
    isAsked: () => source?.isKnown() === true,
  });
  const withdrawal = new Withdrawal({ ...parts, gateway, responder });

  const bindings = () =>
    desiredState.bindings().filter(({ guard, veth }) => guard !== undefined && veth !== undefined);
  const attestor = openAttestor({ exec, rules, pools, ledger, bindings, now });
  const changed = (container: string, what: string) =>
    parts.bus.emit(AGENT_PATH, AGENT_NAME, 'NetmakerChanged', 'ss', [container, what]);

  const endpoints = enabled
    ? netmakerEndpoints({
        rules,
        pools,
        leases,
        inspect: docker.inspect,
        desiredGuests: desiredState.all,
        isWithdrawn: () => withdrawal.isBegun,
      })
    : undefined;

  return {
    securedPorts,
    endpoints,
    async prepare(cause) {
      if (!withdrawal.isBegun) await publicNetwork.prepare(cause);
    },
    async publish(cause, attached) {
      warn(held());
      if (withdrawal.isBegun) return;
      checkUplink({ ...parts, uplink, ports: ports() });
      await publicNetwork.sync(cause, attached);
      await responder.ensure();
    },
    async reconcile() {
      const secured = new Set(ports().flatMap(({ portSecurity, bridge }) => (portSecurity ? [bridge] : [])));
      if (enabled) secured.add(rules.bridge);
      await refreshRules({
        ...parts,
        securedPorts,
        bridges: secured,
        isNeeded: ports().some(({ portSecurity }) => portSecurity !== undefined),
      });
      // Not waited for: a Docker that hangs must not keep other guests from being looked after.
      if (enabled) void reconcileLeases({ ...parts, leases });
    },
    withdrawn: () => (withdrawal.isBegun ? held() : 0),
    unreached: () => (withdrawal.isBegun || held() === 0 ? [] : gateway.hints()),
    summary: () =>
      summarize({
        config,
        addresses: withdrawal.isBegun ? 0 : held(),
        withdrawn: withdrawal.isBegun,
        published: publicNetwork.published().length,
        pendingRetry: pendingRetry(),
        hints: gateway.hints(),
      }),
    start(started) {
      source = started.source;
      if (enabled) mesh = meshOf({ ...parts, bindings, changed });
      return netmakerMethods({
        ...answersOf({
          ...parts,
          pools,
          leases,
          securedPorts,
          gateway,
          publicNetwork,
          responder,
          attestor,
          pendingRetry,
          problemOf: started.source.problemOf,
          isWithdrawn: () => withdrawal.isBegun,
          mesh: () => mesh,
        }),
        leases,
        attestor,
        withdraw: () => withdrawal.run(started),
      });
    },
    changed,
    async close() {
      publicNetwork.close();
      await Promise.all([mesh?.close(), responder.close()]);
    },
  };
}
