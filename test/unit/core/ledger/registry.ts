// Whether a block says what the registry of actions lets it say; for every test that has blocks.

import { LEDGER_ACTIONS } from '../../../../src/api/ledger-producers.ts';

/** One sentence, or undefined for a block that is as it must be. */
export function blockProblem(block: { category: string; action: string; data: unknown }): string | undefined {
  const { category, action, data } = block;
  const shape = LEDGER_ACTIONS.get(action);
  if (shape === undefined) return `no producer has the action ${action}`;
  if (shape.category !== category) return `${action} is of ${shape.category}, not of ${category}`;
  const read = shape.data.safeParse(data);
  return read.success ? undefined : `${action}: ${read.error.message} in ${JSON.stringify(data)}`;
}
