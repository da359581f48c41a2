// Opens the parts of the Netmaker support, each with what it needs of the others.

import { poolsOf } from '../netmaker/address/pools.ts';
import { GATEWAY_RETRY } from '../netmaker/gateway/public-network.ts';
import { openPortSecurityRules } from '../netmaker/port-security/port-security.ts';
import { openSecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import { openAttestor } from '../netmaker/stun/attest-containers.ts';
import { netmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import { leasesOf, type NetmakerParts, openHostParts } from './netmaker-host.ts';
import { Withdrawal } from './netmaker-withdrawal.ts';

export type NetmakerAssembly = Awaited<ReturnType<typeof assembleNetmaker>>;

/** @param isAsked whether Docker has said what runs */
export async function assembleNetmaker(parts: NetmakerParts, isAsked: () => boolean) {
  const { config, ovsdb, desiredState, ledger, docker, exec, now } = parts;
  const { netmaker: rules } = config;
  const enabled = rules.enabled && config.docker.enabled;
  const pools = poolsOf(rules);
  /** The device that mode `l2` has in the bridge. */
  const uplink = rules.mode === 'l2' && rules.uplink !== 'auto' ? rules.uplink : undefined;
  const securedPorts = openSecuredPorts(openPortSecurityRules(exec), ovsdb, uplink);
  const ports = () => desiredState.all().flatMap((desiredGuest) => desiredGuest.ports);
  /** Of ports that are secured. */
  const bindings = () =>
    desiredState.bindings().filter(({ guard, veth }) => guard !== undefined && veth !== undefined);

  const leases = await leasesOf(parts, pools);
  const { gateway, publicNetwork, responder } = openHostParts(parts, { pools, ports, isAsked });
  const withdrawal = new Withdrawal({ ...parts, gateway, responder });
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
    ...parts,
    rules,
    enabled,
    pools,
    uplink,
    securedPorts,
    ports,
    bindings,
    leases,
    gateway,
    publicNetwork,
    responder,
    withdrawal,
    attestor: openAttestor({ exec, rules, pools, ledger, bindings, now }),
    endpoints,
    /** How many addresses containers and groups hold. */
    held: () => leases.all().flatMap(({ addresses }) => addresses).length,
    /** What keeps the host from being the gateway. */
    pendingRetry: () => parts.pendingRetries.all().find(({ port }) => port === GATEWAY_RETRY),
  };
}
