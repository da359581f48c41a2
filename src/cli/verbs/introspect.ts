// `introspect`: the host's switch as a picture, or one bridge and whether it is in order.

import type { z } from 'zod';
import { networkStateSchema, topologySchema, validationSchema } from '../../api/answers/introspect.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { bridgePicture, hostPicture, verdictLines } from '../render/introspect.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

export const addIntrospect: AddVerb = (parent, context) => {
  parent
    .command('introspect')
    .description('show the bridges of this host, their ports and whose they are')
    .argument('[bridge]', 'show this bridge alone, and whether it is in order')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['introspect', 'introspect ovsbr0', "introspect --json | jq '.interface_bindings'"])}

Exit code: 0 fine, 1 the bridge is not there or not in order.`,
    )
    .action(
      ending(context, async (bridge: string | undefined, { json = false }: { json?: boolean }) =>
        bridge === undefined ? showHost(context, json) : showBridge(context, bridge, json),
      ),
    );
};

async function showHost(context: Context, json: boolean): Promise<number> {
  const state = await ask(context, 'GetSystemNetworkState', networkStateSchema);
  if (json) {
    context.terminal.out(safeJson(state.answer, 2));
    return 0;
  }
  const bridges = [];
  for (const { name } of state.view.ovs_bridges ?? []) {
    const { view: topology } = await ask(context, 'GetBridgeTopology', topologySchema, name);
    bridges.push({ name, topology });
  }
  for (const line of hostPicture(state.view, bridges, context.terminal.width)) context.terminal.out(line);
  return 0;
}

async function showBridge(context: Context, name: string, json: boolean): Promise<number> {
  const { terminal } = context;
  const validation = await ask(context, 'ValidateBridgeConnectivity', validationSchema, name);
  const topology = validation.view.ovs_bridge_exists
    ? await ask(context, 'GetBridgeTopology', topologySchema, name)
    : undefined;
  if (json) {
    const document = { bridge: name, validation: validation.answer, topology: topology?.answer ?? null };
    terminal.out(safeJson(document, 2));
  } else if (topology === undefined) {
    throw new CliError(`There is no OVS bridge ${name}. See all of them: ovs-port-agent introspect`, 1);
  } else {
    const bridge = { name, topology: topology.view };
    for (const line of [...bridgePicture(bridge, terminal.width), ...verdictLines(bridge, validation.view)])
      terminal.out(line);
  }
  return validation.view.connectivity_preserved ? 0 : 1;
}

/** The answer as it came, for programs, and as far as we look at it. */
async function ask<T>(
  { callAgent }: Context,
  member: string,
  schema: z.ZodType<T>,
  bridge?: string,
): Promise<{ answer: unknown; view: T }> {
  const named = bridge === undefined ? {} : { signature: 's', body: [bridge] };
  const answer = jsonAnswer(member, await callAgent({ member, ...named }));
  const view = schema.safeParse(answer);
  if (!view.success) throw notUnderstood(member);
  return { answer, view: view.data };
}
