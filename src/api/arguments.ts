// Shapes of arguments that several methods take.

import { z } from 'zod';
import { guestNameProblem } from '../core/guest/guest.ts';
import { vmidSchema } from '../core/guest/vmid.ts';
import { interfaceNameSchema } from '../core/lib/device-name-schemas.ts';

export const none = z.tuple([]);
export const ifname = z.unknown().pipe(interfaceNameSchema as unknown as z.ZodType<string>);
export const guestName = z.string().superRefine((value, context) => {
  const problem = guestNameProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
export const vmid = z.unknown().pipe(vmidSchema as unknown as z.ZodType<number>);
export const text = (name: string) => ({ name, type: 's' });
