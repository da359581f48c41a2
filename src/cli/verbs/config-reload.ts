// `config reload`: has the running agent take over what it can; what `systemctl reload` runs.

import { reloadSchema } from '../../api/answers/config.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const MEMBER = 'Reload';

export const addConfigReload: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('reload')
    .description('have the running agent take over what changed, as systemctl reload does')
    .option('--json', 'print one JSON document: what was taken over, and what waits for a restart')
    .addHelpText(
      'after',
      `${examples(['config reload', 'config check && systemctl reload ovs-port-agent'])}

A file with an error changes nothing: the agent goes on with what it had.
Exit code: 0 the file is in force, as far as it needs no restart; 2 it has an error.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const answer = jsonAnswer(MEMBER, await callAgent({ member: MEMBER }));
        const read = reloadSchema.safeParse(answer);
        if (!read.success) throw notUnderstood(MEMBER);
        const { taken, restart, warnings } = read.data;
        const shown = ({ key, from, to }: (typeof taken)[number]) =>
          `${key}: ${JSON.stringify(from ?? null)} -> ${JSON.stringify(to ?? null)}`;
        const lines = json
          ? [safeJson(answer, 2)]
          : [
              ...(taken.length + restart.length === 0 ? ['Nothing has changed.'] : []),
              ...taken.map((change) => `taken over: ${shown(change)}`),
              ...restart.map((change) => `waits for a restart: ${shown(change)}`),
              ...warnings,
            ].map(printable);
        for (const line of lines) terminal.out(line);
        return 0;
      }),
    );
};
