// The D-Bus methods that look at the host and its bridges; each answer is what was found at that moment.

import { z } from 'zod';
import { AgentError } from '../../core/lib/errors.ts';
import { NM } from '../../core/networkmanager/names.ts';
import { introspectNetworkManager } from '../../core/networkmanager/overview.ts';
import { none, text } from '../arguments.ts';
import {
  bridgeDriver,
  bridgeProfile,
  type GatherParts,
  observeHost,
  observeSwitch,
} from '../introspect/gather.ts';
import { interfaceBindings, networkState } from '../introspect/network-state.ts';
import { demandBridge, OPERATIONS, type OperationParts, runOperation } from '../introspect/operations.ts';
import { bridgeTopology } from '../introspect/topology.ts';
import { bridgeValidation } from '../introspect/validation.ts';
import { jsonMethod, type Method, method } from '../method.ts';

export type IntrospectionParts = GatherParts & Pick<OperationParts, 'reconcile'>;

/** Only compared with the names of rows, which may be any text; the bound keeps an answer about it short. */
const bridgeName = z.string().max(255, 'a bridge name has at most 255 characters');
const operation = z.enum(OPERATIONS, {
  error: (issue) =>
    `there is no operation ${JSON.stringify(String(issue.input).slice(0, 40))}; there are ${OPERATIONS.join(', ')}`,
});

export function introspectionMethods(parts: IntrospectionParts): Method[] {
  const validate = async (bridge: string) => {
    const observed = await observeSwitch(parts);
    const found = observed.bridges.find(({ name }) => name === bridge);
    return bridgeValidation(bridge, observed, (await bridgeProfile(parts, bridge, found)) !== undefined);
  };
  return [
    jsonMethod({
      name: 'get_system_network_state',
      in: [],
      answer: async () => (await import('../answers/introspect.ts')).networkStateSchema,
      schema: none,
      run: async () => networkState(await observeHost(parts)),
    }),
    jsonMethod({
      name: 'get_bridge_topology',
      in: [text('bridge')],
      answer: async () => (await import('../answers/introspect.ts')).topologySchema,
      schema: z.tuple([bridgeName]),
      run: async ([bridge]) => {
        demandBridge(parts.ovsdb, bridge);
        const observed = await observeSwitch(parts);
        const found = observed.bridges.find(({ name }) => name === bridge);
        if (found === undefined) throw new AgentError('bad-argument', `The bridge ${bridge} has just gone`);
        const [profile, drivenBy] = await Promise.all([
          bridgeProfile(parts, bridge, found),
          bridgeDriver(parts, bridge),
        ]);
        return bridgeTopology(found, observed, profile, drivenBy);
      },
    }),
    jsonMethod({
      name: 'validate_bridge_connectivity',
      in: [text('bridge')],
      answer: async () => (await import('../answers/introspect.ts')).validationSchema,
      schema: z.tuple([bridgeName]),
      run: ([bridge]) => validate(bridge),
    }),
    jsonMethod({
      name: 'get_interface_bindings',
      in: [],
      answer: async () => (await import('../answers/introspect.ts')).interfaceBindingsSchema,
      schema: none,
      run: async () => interfaceBindings(parts.desiredState.bindings(), parts.bindingsDir),
    }),
    method({
      name: 'introspect_network_manager',
      in: [],
      out: text('answer'),
      answer: () => z.string(),
      schema: none,
      run: async () => {
        const xml = await introspectNetworkManager(parts.bus);
        if (xml === undefined) {
          throw new AgentError('networkmanager-unavailable', 'NetworkManager is not running');
        }
        if (!xml.includes(`<interface name="${NM}">`)) {
          throw new AgentError('bus-call-failed', `What has the name ${NM} does not offer its interface`);
        }
        return 'NetworkManager introspection completed successfully';
      },
    }),
    method({
      name: 'atomic_bridge_operation',
      changes: 'call',
      in: [text('bridge'), text('operation')],
      out: text('answer'),
      answer: () => z.string(),
      schema: z.tuple([bridgeName, operation]),
      run: ([bridge, wanted], caller) => runOperation({ ...parts, validate }, wanted, bridge, caller.user),
    }),
  ];
}
