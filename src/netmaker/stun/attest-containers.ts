// Attests containers: asks a STUN server from inside each, and records what it saw in the ledger.

import { entryOf } from '../../core/ledger/producer.ts';
import type { Ledger } from '../../core/ledger/writer.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import type { Binding } from '../../state/desired-state.ts';
import { publicAddressesOf } from '../address/public-addresses.ts';
import type { NetmakerSection } from '../config-section.ts';
import { PUBLIC_ADDRESSES } from '../ledger-actions.ts';
import type { Pool } from '../types.ts';
import { type Attestation, attest } from './attest.ts';
import { parseStunServer, type StunServer } from './server.ts';
import { openWitness } from './witness.ts';

/** The last attestation of a container. */
export interface Attested {
  /** RFC 3339. */
  at: string;
  verdict: Attestation['verdict'];
  mapped: string | null;
}

/** An element of what `attest_netmaker` answers. */
export type ContainerAttestation = Attestation & { container: string };

export interface AttestParts {
  exec: Exec;
  rules: NetmakerSection;
  pools: readonly Pool[];
  ledger: Pick<Ledger, 'append'>;
  /** Ports of Netmaker's containers. */
  bindings: () => readonly Binding[];
  now: () => number;
}

export interface Attestor {
  /** @param container a container's name, or '' for all. Throws `port-unknown`. */
  attest(container: string, user: string): Promise<ContainerAttestation[]>;
  last(id: string): Attested | undefined;
}

const ANSWER_MS = 5_000;

export function openAttestor({ exec, rules, pools, ledger, bindings, now }: AttestParts): Attestor {
  const last = new Map<string, Attested>();
  const servers = serversOf(rules, pools);
  const witness = openWitness(exec);

  const one = async (binding: Binding, user: string): Promise<ContainerAttestation[]> => {
    const { guest, port, veth, id = '' } = binding;
    const { own, shared } = publicAddressesOf(binding);
    const addresses = [...own, ...shared];
    const asked = { pid: veth?.pid ?? 0, addresses, servers, deadlineMs: ANSWER_MS };
    const found = await attest({ exec, witness, ...asked });
    const at = new Date(now()).toISOString();
    for (const attestation of found) {
      const data = { guest, container_id: id, port, mode: rules.mode, ...attestation };
      await ledger.append(entryOf(PUBLIC_ADDRESSES, { action: 'endpoint_attested', data, user }));
    }
    const worst = found.find(({ verdict }) => verdict !== 'public') ?? found[0];
    if (worst !== undefined) last.set(id, { at, verdict: worst.verdict, mapped: worst.mapped });
    const living = new Set(bindings().map((entry) => entry.id));
    for (const known of last.keys()) if (!living.has(known)) last.delete(known);
    return found.map((attestation) => ({ container: guest, ...attestation }));
  };

  return {
    async attest(container, user) {
      const chosen = bindings().filter(
        ({ guest, id }) => container === '' || guest === container || id === container,
      );
      if (chosen.length === 0 && container !== '') {
        throw new AgentError('port-unknown', 'No Netmaker container of that name has a port');
      }
      const found: ContainerAttestation[] = [];
      for (const binding of chosen) found.push(...(await one(binding, user)));
      return found;
    },
    last: (id) => last.get(id),
  };
}

/** The configured server, else our own responder at each gateway while it is on. */
function serversOf(rules: NetmakerSection, pools: readonly Pool[]): StunServer[] {
  if (rules.stun_server !== '') return [parseStunServer(rules.stun_server)];
  if (!rules.responder) return [];
  return pools.map(({ gateway }) => ({ host: gateway, port: rules.responder_stun_port }));
}
