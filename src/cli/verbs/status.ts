// `status`: how the agent is, what waits and why.

import { statusSchema } from '../../api/answers/status.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { isBad, statusExitCode, statusText } from '../render/status.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addStatus: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('status')
    .description('show whether the agent is ready, what waits and why')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['status', "status --json | jq '.waiting'"])}

Exit code: 0 all is well, 1 not ready or something waits, 3 the agent does not run.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const reply = await callAgent({ member: 'GetStatus' });
        const answer = jsonAnswer('GetStatus', reply);
        const status = statusSchema.safeParse(answer);
        if (!status.success) throw notUnderstood('GetStatus');
        const lines = json
          ? [safeJson(answer, 2)]
          : statusText(status.data, terminal.now(), await context.configProblem());
        for (const line of lines) terminal.out(line, isBad(line) ? 'bad' : undefined);
        return statusExitCode(status.data);
      }),
    );
};
