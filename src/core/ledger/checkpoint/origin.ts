// What a ledger is called in its checkpoints. Pure.

import { createHash } from 'node:crypto';

/** Stands for the key in a configured origin, as logs have it that are named after their key (sigsum: `sigsum.org/v1/tree/{key}`). */
const KEY = '{key}';

/** A digest of machine-id(5), which itself is to stay on its host; 16 hex digits. */
export function machineDigest(machineId: string): string {
  return createHash('sha256').update(`ovs-port-agent ledger\n${machineId}\n`).digest('hex').slice(0, 16);
}

export interface OriginParts {
  /** `[ledger] origin`; empty for the default. */
  configured: string;
  hostname: string;
  machine: string;
  /** From 1. */
  epoch: number;
}

/** @param key the 32 bytes of the public key */
export function originOf({ configured, hostname, machine, epoch }: OriginParts, key: Buffer): string {
  const base = configured === '' ? `${hostname}/ovs-port-agent/ledger/${machine}` : configured;
  if (base.includes(KEY)) return base.replaceAll(KEY, createHash('sha256').update(key).digest('hex'));
  return epoch === 1 ? base : `${base}/e${epoch}`;
}
