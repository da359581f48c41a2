// `reconcile`: compare wish and switch now, and repair.

import { z } from 'zod';
import { portReportSchema } from '../../core/events/event-result.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { reportLines, reportsExitCode } from '../render/reports.ts';
import { statusSchema } from '../render/status.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds; hundreds of ports take a while. */
const DEADLINE_MS = 180_000;

export const addReconcile: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('reconcile')
    .description('compare what guests should have with what the switch has, and repair it')
    .option('--json', 'print one JSON document: a list of ports, each with its state')
    .addHelpText(
      'after',
      `${examples(['reconcile', 'reconcile --json'])}

Exit code: 0 every port is as it should be, 1 some port is not.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const reply = await callAgent({ member: 'Reconcile', deadlineMs: DEADLINE_MS });
        const reports = z.array(portReportSchema).safeParse(jsonAnswer('Reconcile', reply));
        if (!reports.success) throw notUnderstood('Reconcile');
        // An agent that cannot work on the switch looks at nothing, and answers so.
        if (reports.data.length === 0) await demandReady();
        const lines = json ? [safeJson(reports.data, 2)] : reportLines(reports.data);
        for (const line of lines) terminal.out(line);
        return reportsExitCode(reports.data);
      }),
    );

  async function demandReady(): Promise<void> {
    const answer = jsonAnswer('GetStatus', await callAgent({ member: 'GetStatus' }));
    const status = statusSchema.safeParse(answer);
    if (status.success && !status.data.ready) {
      const why = status.data.obstacle || 'the reason is not known';
      throw new CliError(`Nothing could be compared: ${why}. See: ovs-port-agent status`, 3);
    }
  }
};
