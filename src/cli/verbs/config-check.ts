// `config check`: everything that is wrong with a configuration file, before the agent meets it.

import { readConfigText } from '../../core/config/load.ts';
import { examineConfig } from '../../core/config/parse-config.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addConfigCheck: AddVerb = (parent, context) => {
  const { terminal, configPath } = context;
  parent
    .command('check')
    .description('say everything that is wrong with the configuration, or with FILE')
    .argument('[file]', "a configuration file; by default this host's own")
    .option('--json', 'print one JSON document: path, found, problems, warnings')
    .addHelpText(
      'after',
      `${examples(['config check', 'config check /root/new.toml'])}

Nothing has to be running, and nothing is changed.
Exit code: 0 the agent would start with it, 2 it would not.`,
    )
    .action(
      ending(context, async (file: string | undefined, { json }: { json?: boolean }) => {
        const path = file ?? configPath;
        const text = await readConfigText(path);
        const isMissing = text === undefined && file !== undefined;
        const { problems, warnings } = isMissing
          ? { problems: ['there is no such file'], warnings: [] }
          : examineConfig(text ?? '');
        const found = text !== undefined;
        const lines = json
          ? [safeJson({ path, found, problems, warnings }, 2)]
          : [
              ...problems.map((problem) => `${path}: ${problem}`),
              ...warnings.map((warning) => `${path}: ${warning}`),
              ...(problems.length > 0 ? [] : [verdict(path, found)]),
            ].map(printable);
        for (const line of lines) terminal.out(line);
        return problems.length > 0 ? 2 : 0;
      }),
    );
};

function verdict(path: string, found: boolean): string {
  return found ? `${path} is valid` : `${path} is absent: the defaults are in force`;
}
