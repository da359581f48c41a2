// Which verbs are for root, so that others hear it at once instead of what follows from it.

import type { Command } from 'commander';
import { CliError } from './failure.ts';

/** These read files, and say by themselves when they may not. */
const FOR_ALL = ['config check', 'config show', 'events', 'ledger', 'name'];

export function pathOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

/** Throws when the verb needs root and somebody else asks. */
export function demandRoot(command: Command, isRoot: () => boolean): void {
  const path = pathOf(command);
  if (FOR_ALL.some((verb) => path === verb || path.startsWith(`${verb} `)) || isRoot()) return;
  throw new CliError(
    `The agent and what it knows are for root. Run this as root: sudo ovs-port-agent ${path} …`,
    3,
  );
}
