// This host's configuration as verbs see it: strictly, for reading only, or just what is wrong with it.

import { loadConfig, readableConfig } from '../core/config/load.ts';
import { isAgentError } from '../core/lib/errors.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';
import type { Context } from './verb.ts';

type Parts = Pick<Context, 'config' | 'readConfig' | 'configProblem' | 'configPath'>;

export function configOfHost(path: string, runtimeDir: string, terminal: Pick<Terminal, 'err'>): Parts {
  return {
    configPath: path,
    config: async () => (await loadConfig(path)).config,
    async readConfig() {
      const { config, problem, instead } = await readableConfig(runtimeDir, path);
      if (problem !== undefined) {
        terminal.err(printable(`${CONFIG_ERROR_TEXT}: ${problem}. Going on with ${instead}. ${CHECK}`));
      }
      return config;
    },
    configProblem: () =>
      loadConfig(path).then(
        () => undefined,
        (error: unknown) => (isAgentError(error, 'bad-config') ? error.reason : undefined),
      ),
  };
}

const CONFIG_ERROR_TEXT = 'The configuration has an error';
const CHECK = 'See: ovs-port-agent config check';

/** Why the agent is missed, when it is that. */
export function missedForConfig(problem: string): string {
  return `The agent does not run: the configuration has an error: ${problem}. ${CHECK}`;
}
