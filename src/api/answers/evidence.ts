// What the methods about the ledger's checkpoints answer. Descriptions are the tables of docs/dbus.md.

import { z } from 'zod';

/** `SignCheckpoint`. */
export const checkpointSchema = z.looseObject({
  origin: z.string().describe('name of the ledger'),
  size: z.number().describe('blocks that it covers'),
  root: z.string().describe('root of the tree over them, 64 hexadecimal digits'),
  note: z.string().describe('the signed note, as every C2SP tool reads it'),
});

/** `RotateLedgerKey`. */
export const rotationSchema = z.looseObject({
  origin: z.string().describe('name of the ledger'),
  former: z.string().describe('the public key until now'),
  key: z.string().describe('the public key from now on'),
  size: z.number().describe('blocks of the checkpoint that both have signed'),
});
