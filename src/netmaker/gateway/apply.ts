// Takes one step each: a table from kind of resource to what makes it and what takes it back.

import { rm } from 'node:fs/promises';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { dockerUserArguments, iptables } from './docker-user.ts';
import type { EntryOf, HostResource } from './host-resources.ts';
import type { Senses } from './observe.ts';
import type { Observed } from './observed.ts';
import { forwarding6Of, type Step, undoForwarding6 } from './plan.ts';
import { readTable } from './read-ruleset.ts';
import { clearCommands, rulesetCommands } from './ruleset.ts';
import type { GatewaySpec } from './spec.ts';
import { familyOf } from './uplink.ts';

interface Context extends Senses {
  /** Undo record; the commands for nft are beside it while it reads them. */
  recordPath: string;
  spec: GatewaySpec | undefined;
  observed: Observed;
}

type Executors = {
  [K in HostResource['kind']]: {
    make(resource: Extract<HostResource, { kind: K }>, context: Context): unknown;
    undo(entry: EntryOf<K>, context: Context): unknown;
  };
};

const ip = (exec: Exec, ...args: string[]) => exec('ip', args);
const family = (address: string) => `-${familyOf(address)}`;
const rule = (exec: Exec, resource: EntryOf<'exception'>, verb: '-I' | '-D') =>
  exec(iptables(resource.family), ['-w', '2', verb, 'DOCKER-USER', ...dockerUserArguments(resource)]);

/** By a file: nft 1.0.6 opens /dev/stdin anew, which Linux refuses for the sockets that Node makes of pipes. */
async function transact({ exec, recordPath }: Context, nftables: readonly object[]): Promise<void> {
  const path = `${recordPath}.nft`;
  try {
    await writeFileAtomically(path, JSON.stringify({ nftables }));
    await exec('nft', ['-j', '-f', path]);
  } finally {
    await rm(path, { force: true });
  }
}

const executors: Executors = {
  up: {
    make: ({ device }, { exec }) => ip(exec, 'link', 'set', 'dev', device, 'up'),
    undo: ({ device }, { exec }) => ip(exec, 'link', 'set', 'dev', device, 'down'),
  },
  sysctl: {
    make: ({ path, value }, { sysctls }) => sysctls.write(path, value),
    undo: ({ path, was }, { sysctls }) => sysctls.write(path, was),
  },
  forwarding6: {
    make: (_, { sysctls }) => sysctls.write('net/ipv6/conf/all/forwarding', '1'),
    undo: (entry, { sysctls, observed }) => {
      for (const [path, value] of undoForwarding6(entry, forwarding6Of(observed))) sysctls.write(path, value);
    },
  },
  address: {
    // Nobody else has the gateway's address there; looking for that would take a second.
    make: ({ cidr, device }, { exec }) =>
      ip(exec, 'address', 'add', cidr, 'dev', device, ...(cidr.includes(':') ? ['nodad'] : [])),
    undo: ({ cidr, device }, { exec }) => ip(exec, 'address', 'delete', cidr, 'dev', device),
  },
  route: {
    // Every device has the prefix of link-local addresses, and to add is refused where another one has it already.
    make: ({ to, device, table }, { exec }) => {
      const verb = to.startsWith('fe80:') ? 'append' : 'add';
      return ip(exec, family(to), 'route', verb, to, 'dev', device, 'table', String(table));
    },
    undo: ({ to, device, table }, { exec }) =>
      ip(exec, family(to), 'route', 'delete', to, 'dev', device, 'table', String(table)),
  },
  proxy: {
    // Permanent entries outlive a loss of carrier where the kernel knows how (incus#3341).
    make: ({ address, device }, { exec }) =>
      ip(exec, 'neigh', 'replace', 'proxy', address, 'dev', device, 'nud', 'permanent'),
    undo: ({ address, device }, { exec }) => ip(exec, 'neigh', 'delete', 'proxy', address, 'dev', device),
  },
  exception: {
    make: (resource, { exec }) => rule(exec, resource, '-I'),
    undo: (entry, { exec }) => rule(exec, entry, '-D'),
  },
  table: {
    async make({ commands }, context) {
      const { spec, observed, exec } = context;
      // Read once more: what was dropped since the look counts, too.
      const now = async (on: GatewaySpec) => rulesetCommands(on, observed, (await readTable(exec)).tally);
      await transact(context, spec === undefined ? commands : await now(spec));
    },
    undo: (_, context) => transact(context, clearCommands()),
  },
};

/** Throws what the tool or the kernel says. */
export async function take(step: Step, context: Context): Promise<void> {
  const resource = step.do === 'make' ? step.resource : step.entry;
  // Kind and resource belong together by construction.
  const { make, undo } = executors[resource.kind] as Executors['up'];
  if (step.do === 'make') await make(step.resource as Extract<HostResource, { kind: 'up' }>, context);
  else await undo(step.entry as EntryOf<'up'>, context);
}
