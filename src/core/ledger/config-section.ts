// The section [ledger] of the configuration.
import { path, table } from '../lib/fields.ts';

export const ledgerSchema = table({ path: path('/var/lib/ovs-port-agent/ledger.jsonl') });
