// Where a witness keeps its things.

/** Of the witness that listens; a user of its own has it. */
export const WITNESS_STATE = '/var/lib/ovs-port-agent-witness';

/** `certificate.pem` and `key.pem`, which root puts there. */
export const WITNESS_TLS = '/etc/ovs-port-agent/witness';
