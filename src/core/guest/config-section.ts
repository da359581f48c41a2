// The keys of the configuration that say which VMIDs are given out.
import * as z from 'zod';
import { whole } from '../lib/fields.ts';
import { isVmid, VMID_MAX, VMID_MIN } from './vmid.ts';

const VMID_RANGE = `must be [FIRST, LAST], whole numbers from ${VMID_MIN} to ${VMID_MAX}, FIRST not above LAST`;

export const vmidKeys = {
  vmid_range: z
    .tuple([z.number({ error: VMID_RANGE }), z.number({ error: VMID_RANGE })], { error: VMID_RANGE })
    .refine(([first, last]) => isVmid(first) && isVmid(last) && first <= last, { error: VMID_RANGE })
    .default([1_000_000, 1_999_999]),
  vmid_cooldown: whole(0, 31_536_000, 'seconds', 3600),
};

/** Seconds for `vmid_cooldown`. */
export interface VmidSection {
  readonly vmid_range: readonly [number, number];
  readonly vmid_cooldown: number;
}
