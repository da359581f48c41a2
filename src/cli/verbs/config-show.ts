// `config show`: the value of every key, and where it comes from.

import { loadConfig, readConfigText } from '../../core/config/load.ts';
import { type EffectiveKey, effectiveKeys } from '../../core/config/origins.ts';
import { parseToml } from '../../core/config/toml.ts';
import { printable, safeJson } from '../printable.ts';
import { table } from '../render/table.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { changed?: boolean; json?: boolean };

export const addConfigShow: AddVerb = (parent, context) => {
  const { terminal, configPath } = context;
  parent
    .command('show')
    .description('show the value of every key, and where it comes from')
    .argument('[file]', "a configuration file; by default this host's own")
    .option('--changed', 'only what the file sets')
    .option('--json', 'print one JSON document: a list of keys with value and origin')
    .addHelpText(
      'after',
      `${examples(['config show', 'config show --changed', `config show --json | jq '.[] | select(.key == "strict")'`])}

FROM is the file, a key of the first version in the file, another key that it follows, or the default.
It is what the file says now; a running agent has it since it started or was reloaded.`,
    )
    .action(
      ending(context, async (file: string | undefined, { changed, json }: Options) => {
        const path = file ?? configPath;
        const { config, warnings } = await loadConfig(path);
        const toml = parseToml((await readConfigText(path)) ?? '');
        const keys = effectiveKeys(config, toml.ok ? toml.data : {}).filter(
          ({ from }) => !changed || from.startsWith('file'),
        );
        const lines = json ? [safeJson(keys, 2)] : keyLines(keys);
        for (const line of lines) terminal.out(line);
        for (const warning of warnings) terminal.err(printable(`${path}: ${warning}`));
        return 0;
      }),
    );
};

function keyLines(keys: readonly EffectiveKey[]): string[] {
  if (keys.length === 0) return ['Nothing is set: the defaults are in force.'];
  // JSON's texts, numbers and lists are TOML's as well.
  return table([
    ['KEY', 'FROM', 'VALUE'],
    ...keys.map(({ key, value, from }) => [key, from, JSON.stringify(value).replaceAll('","', '", "')]),
  ]);
}
