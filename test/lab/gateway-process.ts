// Runs the gateway inside a test host: `node gateway-process.ts assert|watch|undo|counters [SPEC]`, one JSON line an answer.
import { readFileSync } from 'node:fs';
import { AgentError } from '../../src/core/lib/errors.ts';
import { exec, follow } from '../../src/core/lib/exec.ts';
import { closeGateway, openGateway } from '../../src/netmaker/gateway/gateway.ts';
import type { GatewaySpec } from '../../src/netmaker/gateway/spec.ts';

const [verb, text = '{}'] = process.argv.slice(2);
const spec = JSON.parse(text) as GatewaySpec;
const recordPath = process.env.GATEWAY_RECORD ?? '/run/gateway.json';
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
// A process that is killed between its record and its first change.
const dies: typeof exec = (file, args, options) => {
  if (process.env.GATEWAY_DIES !== undefined && args.includes(process.env.GATEWAY_DIES))
    process.kill(process.pid, 'SIGKILL');
  return exec(file, args, options);
};
const gateway = openGateway({ exec: dies, follow, recordPath, bootId });
const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`);

async function run(): Promise<void> {
  if (verb === 'undo') say(await closeGateway({ exec, recordPath, bootId }));
  else if (verb === 'counters') say(await gateway.counters());
  else say(await gateway.assert(spec));
  if (verb !== 'watch') return gateway.close();
  gateway.onDisturbance(() => void gateway.assert(spec).then(say, complain));
  // Until it is ended.
  setInterval(() => undefined, 60_000);
}

function complain(error: unknown): void {
  say({ error: error instanceof AgentError ? error.toLine() : String(error) });
}

run().catch((error: unknown) => {
  complain(error);
  process.exitCode = 1;
});
