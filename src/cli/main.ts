// The command line's entry point.

import { loadConfig } from '../core/config/load.ts';
import { callAgent } from './agent-call.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

/** Set by the build; what `dpkg` knows us as. */
declare const __VERSION__: string | undefined;
const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';

const interrupted = new AbortController();

void runProgram(process.argv.slice(2), VERSION, {
  terminal: processTerminal(),
  callAgent,
  ledgerPath: async () => (await loadConfig()).config.ledger.path,
  stateDir: '/var/lib/ovs-port-agent',
  runtimeDir: '/run/ovs-port-agent',
  interrupted: interrupted.signal,
}).then((code) => {
  // A connection that hangs must not keep the process; what was printed must be out.
  process.stdout.write('', () => process.exit(code));
});
