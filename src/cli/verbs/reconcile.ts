// `reconcile`: compare what is desired with the switch now, and repair.

import { z } from 'zod';
import { type Status, statusSchema } from '../../api/answers/status.ts';
import { portReportSchema } from '../../core/events/event-result.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { reportLines, reportsExitCode } from '../render/reports.ts';
import { faultLines } from '../render/status.ts';
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

Exit code: 0 all is as it should be, 1 something is not, 3 the switch cannot be worked on.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const reply = await callAgent({ member: 'Reconcile', deadlineMs: DEADLINE_MS });
        const reports = z.array(portReportSchema).safeParse(jsonAnswer('Reconcile', reply));
        if (!reports.success) throw notUnderstood('Reconcile');
        const status = await currentStatus();
        const isNot = status !== undefined && !status.ready;
        // An agent that cannot work on the switch looks at nothing, and answers so.
        const why = status?.obstacle || 'the reason is not known';
        if (isNot && reports.data.length === 0)
          throw new CliError(`Nothing could be compared: ${why}. See: ovs-port-agent status`, 3);
        const lines = json ? [safeJson(reports.data, 2)] : reportLines(reports.data);
        for (const line of lines) terminal.out(line);
        // What no step can mend is not in the reports.
        const reported = new Set(
          reports.data.filter(({ code }) => code !== undefined).map(({ port }) => port),
        );
        const wrong = (status?.health ?? []).filter(({ degraded, name }) => !degraded && !reported.has(name));
        for (const line of faultLines(wrong)) (json ? terminal.err : terminal.out)(line);
        if (isNot) return 3;
        return wrong.length > 0 ? 1 : reportsExitCode(reports.data);
      }),
    );

  async function currentStatus(): Promise<Status | undefined> {
    const status = statusSchema.safeParse(jsonAnswer('GetStatus', await callAgent({ member: 'GetStatus' })));
    return status.success ? status.data : undefined;
  }
};
