// The D-Bus methods about Netmaker's containers.

import { z } from 'zod';
import type { Leases } from '../../netmaker/address/leases.ts';
import type { Attestor } from '../../netmaker/stun/attest-containers.ts';
import { type Method, method } from '../method.ts';

export interface NetmakerMethodParts {
  containers: () => Promise<object[]>;
  status: () => Promise<object>;
  leases: Leases;
  attestor: Attestor;
  /** Takes all public addresses and rules back: what a removal of the package begins with. */
  withdraw: () => Promise<void>;
}

const none = z.tuple([]);
const json = [{ name: 'json', type: 's' }];
const pretty = (value: unknown) => [JSON.stringify(value, null, 2)];

export function netmakerMethods(parts: NetmakerMethodParts): Method[] {
  return [
    method({
      name: 'list_netmaker_containers',
      in: [],
      out: json,
      schema: none,
      run: async () => pretty(await parts.containers()),
    }),
    method({
      name: 'get_netmaker_status',
      in: [],
      out: json,
      schema: none,
      run: async () => pretty(await parts.status()),
    }),
    method({
      name: 'list_netmaker_leases',
      in: [],
      out: json,
      schema: none,
      run: async () => pretty(parts.leases.rows()),
    }),
    method({
      name: 'attest_netmaker',
      in: [{ name: 'container', type: 's' }],
      out: json,
      schema: z.tuple([z.string().max(255, 'a container name has at most 255 characters')]),
      run: async ([container], caller) => pretty(await parts.attestor.attest(container, caller.user)),
    }),
    method({
      name: 'withdraw_netmaker',
      in: [],
      out: [{ name: 'answer', type: 's' }],
      schema: none,
      run: async () => {
        await parts.withdraw();
        return ['withdrawn'];
      },
    }),
  ];
}
