// Where the agent keeps its things, and where it finds those of others.

import { join } from 'node:path';
import { HOOK_SOCKET } from '../api/hook-request.ts';
import { HEAD_FILE } from '../core/ledger/index.ts';
import { GATEWAY_RECORD } from '../netmaker/gateway/place.ts';

const STATE = '/var/lib/ovs-port-agent';
const RUNTIME = '/run/ovs-port-agent';

export const PLACES = {
  runtime: RUNTIME,
  state: STATE,
  head: join(STATE, HEAD_FILE),
  ledgerGap: join(RUNTIME, 'ledger-gap.json'),
  vmids: join(STATE, 'vmids.json'),
  leases: join(STATE, 'leases.json'),
  knownGuests: join(STATE, 'known-guests.json'),
  dockerCursor: join(STATE, 'docker-cursor'),
  spool: join(STATE, 'spool'),
  seenSettings: join(STATE, 'seen-settings.json'),
  seenStorage: join(STATE, 'seen-storage.json'),
  producerPrograms: '/etc/ovs-port-agent/producers.d',
  producerSockets: join(RUNTIME, 'producers'),
  given: join(RUNTIME, 'given'),
  bindings: join(RUNTIME, 'bindings'),
  gatewayRecord: join(RUNTIME, GATEWAY_RECORD),
  hookSocket: join(RUNTIME, HOOK_SOCKET),
  /** The program that starts programs; comes with the package. */
  launcher: '/usr/lib/ovs-port-agent/launch.pl',
  ovsdbSocket: '/run/openvswitch/db.sock',
  /** ovs-vswitchd writes it at each start; the rules of ports are gone then. */
  switchPidFile: '/run/openvswitch/ovs-vswitchd.pid',
} as const;
