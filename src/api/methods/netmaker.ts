// The D-Bus methods about Netmaker's containers.

import { z } from 'zod';
import type { Leases } from '../../netmaker/address/leases.ts';
import type { ContainerReport } from '../../netmaker/report.ts';
import type { Attestor } from '../../netmaker/stun/attest-containers.ts';
import type { NetmakerStatus } from '../answers/netmaker.ts';
import { none, text } from '../arguments.ts';
import { type Answered, jsonMethod, type Method, method } from '../method.ts';

export interface NetmakerMethodParts {
  containers: () => Promise<ContainerReport[]>;
  status: () => Promise<Answered<NetmakerStatus>>;
  leases: Leases;
  attestor: Attestor;
  /** Takes all public addresses and rules back: what a removal of the package begins with. */
  withdraw: () => Promise<void>;
}

export function netmakerMethods(parts: NetmakerMethodParts): Method[] {
  return [
    jsonMethod({
      name: 'list_netmaker_containers',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/netmaker.ts')).netmakerReportSchema,
      run: () => parts.containers(),
    }),
    jsonMethod({
      name: 'get_netmaker_status',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/netmaker.ts')).netmakerStatusSchema,
      run: () => parts.status(),
    }),
    jsonMethod({
      name: 'list_netmaker_leases',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/netmaker.ts')).leasesSchema,
      run: async () => parts.leases.rows(),
    }),
    jsonMethod({
      name: 'attest_netmaker',
      changes: 'itself',
      in: [text('container')],
      answer: async () => (await import('../answers/netmaker.ts')).attestationsSchema,
      schema: z.tuple([z.string().max(255, 'a container name has at most 255 characters')]),
      run: ([container], caller) => parts.attestor.attest(container, caller.user),
    }),
    method({
      name: 'withdraw_netmaker',
      changes: 'call',
      in: [],
      out: text('answer'),
      schema: none,
      answer: () => z.literal('withdrawn'),
      run: async () => {
        await parts.withdraw();
        return 'withdrawn' as const;
      },
    }),
  ];
}
