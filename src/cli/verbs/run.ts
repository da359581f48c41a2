// `run`: the agent in the foreground.

import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { constants } from 'node:os';
import { AgentError } from '../../core/lib/errors.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addRun: AddVerb = (parent, context) => {
  parent
    .command('run')
    .description('run the agent in the foreground')
    .option('--json', 'accepted like everywhere; the log is lines either way')
    .addHelpText(
      'after',
      `${examples(['run'])}

systemd runs it as ovs-port-agent.service; stop that first, since only one agent may write the ledger.
Ends with the agent's own exit code.`,
    )
    .action(ending(context, () => runInForeground(context.agentBundle)));
};

/** Resolves with the agent's exit code; 128 + number when a signal ended it. Signals to us are passed on. */
export async function runInForeground(bundle: string): Promise<number> {
  await access(bundle).catch((cause: unknown) => {
    throw new AgentError('exec-failed', `The agent is not at ${bundle}`, { cause });
  });
  const child = spawn(process.execPath, [bundle], { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  // A terminal sends Ctrl-C to the child as well; a second SIGINT would end it before it has tidied up.
  const interrupt = () => void (process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', pass).on('SIGHUP', pass).on('SIGINT', interrupt);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new AgentError('exec-failed', 'The agent could not be started', { cause })),
      );
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    process.off('SIGTERM', pass).off('SIGHUP', pass).off('SIGINT', interrupt);
  }
}
