// What a VMID is, and how the names of OVS ports are made from it.
import * as z from 'zod/mini';
import { AgentError } from '../lib/errors.ts';

/** Proxmox's own bounds (pve-common JSONSchema.pm, `pve-vmid`). */
export const VMID_MIN = 100;
export const VMID_MAX = 999_999_999;

/** Highest NIC index whose port name `vi<VMID>i<n>` still fits the kernel's 15 characters for every VMID. */
export const NIC_INDEX_MAX = 999;

const VMID_RULE = `a VMID is a whole number from ${VMID_MIN} to ${VMID_MAX}`;

// zod/mini: hook bundles import this file and must start fast. A mini schema can stand inside any zod schema.
export const vmidSchema = z
  .number({ error: (issue) => `${VMID_RULE}, not ${shown(issue.input)}` })
  .check(
    z.refine(isVmidNumber, { error: (issue) => `${VMID_RULE}, not ${shown(issue.input)}`, abort: true }),
  );

export function isVmid(value: unknown): value is number {
  return typeof value === 'number' && isVmidNumber(value);
}

/** The VMID that a decimal text is, canonical only (`0100` and `+100` are not), else undefined. */
export function vmidFromText(text: string): number | undefined {
  if (!/^[1-9][0-9]{2,8}$/.test(text)) return undefined;
  return Number(text);
}

/** `vi<VMID>` for NIC 0, `vi<VMID>i<n>` for the others. Throws `bad-argument`. */
export function portName(vmid: number, nic = 0): string {
  if (!isVmid(vmid)) throw new AgentError('bad-argument', `${VMID_RULE}, not ${shown(vmid)}`);
  if (!Number.isInteger(nic) || nic < 0 || nic > NIC_INDEX_MAX) {
    throw new AgentError(
      'bad-argument',
      `a NIC index is a whole number from 0 to ${NIC_INDEX_MAX}, not ${shown(nic)}`,
    );
  }
  return nic === 0 ? `vi${vmid}` : `vi${vmid}i${nic}`;
}

export interface PortIdentity {
  vmid: number;
  nic: number;
}

/** The inverse of `portName`: undefined for every name that `portName` cannot have made. */
export function parsePortName(name: string): PortIdentity | undefined {
  const match = /^vi([1-9][0-9]{2,8})(?:i([1-9][0-9]{0,2}))?$/.exec(name);
  return match ? { vmid: Number(match[1]), nic: Number(match[2] ?? 0) } : undefined;
}

function isVmidNumber(value: number): boolean {
  return Number.isInteger(value) && value >= VMID_MIN && value <= VMID_MAX;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
