// Where a witness keeps its things.

import { join } from 'node:path';

/** Of the witness that listens; a user of its own has it. */
export const WITNESS_STATE = '/var/lib/ovs-port-agent-witness';

/** `certificate.pem` and `key.pem`, which root puts there. */
export const WITNESS_TLS = '/etc/ovs-port-agent/witness';

/** What is known of the witnesses that a ledger is shown to. @param side `ledger.d` */
export const askedFolder = (side: string): string => join(side, 'witness');

/** What this node keeps for its part in a cluster. @param side `ledger.d` */
export const clusterFolder = (side: string): string => join(side, 'witness', 'cluster');

/** What a witness has seen. @param directory of the witness */
export const seenFolder = (directory: string): string => join(directory, 'seen');
