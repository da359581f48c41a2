// Whom the ledger's checkpoints are shown to, and what is said of them in the journal.

import { mkdir, readFile } from 'node:fs/promises';
import type { Config } from '../core/config/config.ts';
import { readKeyOf, SIGNATURE } from '../core/ledger/note/keys.ts';
import { ledgerPaths } from '../core/ledger/paths.ts';
import { AgentError } from '../core/lib/errors.ts';
import { type Asked, openWitnessClient, type WitnessClient } from '../witness/client/client.ts';
import { postCheckpoint } from '../witness/client/post.ts';
import type { Cluster } from '../witness/cluster/exchange.ts';
import { askedFolder } from '../witness/places.ts';
import { type ClusterParts, openOwnCluster } from './open-cluster.ts';

export type WitnessParts = ClusterParts;

/** One conversation. A witness answers in milliseconds; one that is overloaded is asked again. */
const ASK_MS = 15_000;

export interface Witnesses extends WitnessClient {
  /** What is wrong with the ledgers of other nodes of the cluster. */
  problems: Cluster['problems'];
}

/** By HTTP and through the cluster. Does not throw: the agent works without them, and says so. */
export async function openWitnesses(parts: WitnessParts): Promise<Witnesses> {
  const client = await openAsked(parts).catch((error: unknown): WitnessClient => {
    parts.onError(error);
    return { states: () => [], close: async () => undefined };
  });
  const cluster = await openOwnCluster(parts);
  return {
    states: () => [...client.states(), ...cluster.states()],
    problems: cluster.problems,
    async close() {
      await Promise.all([client.close(), cluster.close()]);
    },
  };
}

async function openAsked(parts: WitnessParts): Promise<WitnessClient> {
  const { checkpoints, config, log, now, steady, onError } = parts;
  const { path, witnesses } = config.ledger;
  const directory = askedFolder(ledgerPaths(path).side);
  if (witnesses.length > 0) await mkdir(directory, { recursive: true, mode: 0o700 });
  return openWitnessClient({
    log: checkpoints,
    witnesses: witnesses.map(askedBy),
    directory,
    now,
    steady,
    onTold(name, problem) {
      if (problem === undefined) log.info(`the witness ${name} cosigns again`);
      else if (problem.kind === 'silent') log.warning(`the witness ${name} is silent: ${problem.text}`);
      else log.error(`the witness ${name} does not cosign: ${problem.text}`);
    },
    onError,
  });
}

function askedBy({ key: text, url, ca: file }: Config['ledger']['witnesses'][number]): Asked {
  const key = readKeyOf(text, SIGNATURE.cosignature);
  return {
    name: key.name,
    url,
    key,
    async post(body, signal) {
      // Each time: a new certificate counts without a restart.
      const ca = file === '' ? undefined : await readFile(file, 'utf8').catch(unreadable(file));
      return postCheckpoint(body, { url, ca, signal, deadlineMs: ASK_MS });
    },
  };
}

const unreadable = (file: string) => (cause: unknown) => {
  throw new AgentError('witness-unreachable', `${file} cannot be read`, { cause });
};
