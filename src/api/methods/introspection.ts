// The D-Bus methods that look at the host and its bridges; each answer is what was found at that moment.

import { z } from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import { NM } from '../../core/networkmanager/names.ts';
import { introspectNetworkManager } from '../../core/networkmanager/overview.ts';
import {
  bridgeDriver,
  bridgeProfile,
  type GatherParts,
  lookAtHost,
  lookAtSwitch,
} from '../introspect/gather.ts';
import { interfaceBindings, networkState } from '../introspect/network-state.ts';
import { demandBridge, OPERATIONS, type OperationParts, runOperation } from '../introspect/operations.ts';
import { bridgeTopology } from '../introspect/topology.ts';
import { bridgeValidation } from '../introspect/validation.ts';
import { type Method, method } from '../method.ts';

export type IntrospectionParts = GatherParts & Pick<OperationParts, 'reconcile'>;

/** Only compared with the names of rows, which may be any text; the bound keeps an answer about it short. */
const bridgeName = z.string().max(255, 'a bridge name has at most 255 characters');
const operation = z.enum(OPERATIONS, {
  error: (issue) =>
    `there is no operation ${JSON.stringify(String(issue.input).slice(0, 40))}; there are ${OPERATIONS.join(', ')}`,
});
const none = z.tuple([]);
const text = (name: string) => [{ name, type: 's' }];
const json = (value: unknown) => [JSON.stringify(value, null, 2)];

export function introspectionMethods(parts: IntrospectionParts): Method[] {
  const validate = async (bridge: string) => {
    const seen = await lookAtSwitch(parts);
    const found = seen.bridges.find(({ name }) => name === bridge);
    return bridgeValidation(bridge, seen, (await bridgeProfile(parts, bridge, found)) !== undefined);
  };
  return [
    method({
      name: 'get_system_network_state',
      in: [],
      out: text('json'),
      schema: none,
      run: async () => json(networkState(await lookAtHost(parts))),
    }),
    method({
      name: 'get_bridge_topology',
      in: text('bridge'),
      out: text('json'),
      schema: z.tuple([bridgeName]),
      run: async ([bridge]) => {
        demandBridge(parts.ovsdb, bridge);
        const seen = await lookAtSwitch(parts);
        const found = seen.bridges.find(({ name }) => name === bridge);
        if (found === undefined) throw new AgentError('bad-argument', `The bridge ${bridge} has just gone`);
        const [profile, drivenBy] = await Promise.all([
          bridgeProfile(parts, bridge, found),
          bridgeDriver(parts, bridge),
        ]);
        return json(bridgeTopology(found, seen, profile, drivenBy));
      },
    }),
    method({
      name: 'validate_bridge_connectivity',
      in: text('bridge'),
      out: text('json'),
      schema: z.tuple([bridgeName]),
      run: async ([bridge]) => json(await validate(bridge)),
    }),
    method({
      name: 'get_interface_bindings',
      in: [],
      out: text('json'),
      schema: none,
      run: async () => json(interfaceBindings(parts.claims.bindings(), parts.bindingsDir)),
    }),
    method({
      name: 'introspect_network_manager',
      in: [],
      out: text('answer'),
      schema: none,
      run: async () => {
        const xml = await introspectNetworkManager(parts.bus);
        if (xml === undefined) {
          throw new AgentError('networkmanager-unavailable', 'NetworkManager is not running');
        }
        if (!xml.includes(`<interface name="${NM}">`)) {
          throw new AgentError('bus-call-failed', `What has the name ${NM} does not offer its interface`);
        }
        return ['NetworkManager introspection completed successfully'];
      },
    }),
    method({
      name: 'atomic_bridge_operation',
      in: [...text('bridge'), ...text('operation')],
      out: text('answer'),
      schema: z.tuple([bridgeName, operation]),
      run: async ([bridge, wanted], caller) => [
        await runOperation({ ...parts, validate }, wanted, bridge, caller.user),
      ],
    }),
  ];
}
