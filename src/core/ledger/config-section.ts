// The section [ledger] of the configuration.
import { checkedText, flag, path, table, whole } from '../lib/fields.ts';
import { witnessesField } from './witnesses-field.ts';

export const ledgerSchema = table({
  path: path('/var/lib/ovs-port-agent/ledger.jsonl'),
  origin: checkedText('must be the name of a log, without spaces', originProblem).default(''),
  checkpoint_interval: whole(1, 86_400, 'seconds', 60),
  heartbeat: whole(60, 86_400, 'seconds', 3600),
  segment_mib: whole(1, 4096, 'MiB', 64),
  segment_days: whole(1, 3660, 'days', 31),
  compress: flag(true),
  keep_days: whole(0, 36_500, 'days', 0),
  keep_mib: whole(0, 1_000_000, 'MiB', 0),
  witnesses: witnessesField,
});

/** It is a line of a checkpoint, and the name of a key (C2SP signed-note: no space, no plus sign). */
function originProblem(text: string): string | undefined {
  return /[\s+\p{Cc}]/u.test(text) || text.length > 200
    ? 'must have at most 200 characters, and no space or plus sign'
    : undefined;
}
