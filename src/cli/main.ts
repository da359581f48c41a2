// The command line's entry point.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONFIG_PATH } from '../core/config/load.ts';
import { exec } from '../core/lib/exec.ts';
import { LOCAL_PATH } from '../runtimes/proxmox/hookscript/storage-cfg.ts';
import { WITNESS_STATE } from '../witness/places.ts';
import { callAgent } from './agent-call.ts';
import { configOfHost } from './config-of-host.ts';
import { type InspectParts, inspectForDoctor, inspectHost } from './inspect/host.ts';
import { inspectPort } from './inspect/port.ts';
import { observedBridges } from './observed-bridges.ts';
import { processOutput } from './output.ts';
import { openPager } from './pager.ts';
import { presented } from './present.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

/** Set by the build; what `dpkg` knows us as. */
declare const __VERSION__: string | undefined;
const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : 'development';

const places = { stateDir: '/var/lib/ovs-port-agent', runtimeDir: '/run/ovs-port-agent' };
const output = processOutput();
const screen = processTerminal(output.write, (show, rows) => openPager(process.env, show, rows));
const terminal = presented(screen, () => ({ width: undefined, color: false }));
const inspected: InspectParts = { terminal, callAgent, version: VERSION, ...places };

void runProgram(process.argv.slice(2), VERSION, {
  screen,
  env: process.env,
  callAgent,
  ...configOfHost(CONFIG_PATH, places.runtimeDir, terminal),
  ...places,
  witnessDir: WITNESS_STATE,
  networkDir: '/etc/network',
  bridges: () => observedBridges('/run/openvswitch/db.sock'),
  inspect: {
    doctor: () => inspectForDoctor(inspected),
    host: () => inspectHost(inspected),
    port: inspectPort,
  },
  agentBundle: join(dirname(fileURLToPath(import.meta.url)), 'agent.cjs'),
  exec,
  isRoot: () => process.geteuid?.() === 0,
  localStorage: LOCAL_PATH,
  interrupted,
}).then(async (code) => {
  await screen.end();
  // A connection that hangs must not keep the process.
  output.end(code);
});

function interrupted(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  return abort.signal;
}
