// A program of its own that runs inside a container's network namespace: asks STUN servers and prints one line of JSON.
//
//   node stun-probe.cjs DEADLINE_MS ADDRESS PORT ID [ADDRESS PORT ID…]    ID: the transaction's 12 bytes, hexadecimal; the answers are in the order of the questions

import { isIP } from 'node:net';
import { isAgentError } from '../../core/lib/errors.ts';
import { type Binding, BindingFailure, stunBinding } from './binding.ts';

const [deadline, ...words] = process.argv.slice(2);

const questions = Array.from({ length: Math.ceil(words.length / 3) }, (_, at) => {
  const [host = '', port, id = ''] = words.slice(3 * at, 3 * at + 3);
  return { host, port: Number(port), id };
});

async function ask({ id, ...server }: (typeof questions)[number], deadlineMs: number) {
  const family = isIP(server.host.replace(/%.*$/, '')) === 6 ? 6 : 4;
  try {
    return answerOf(await stunBinding({ server, family, deadlineMs, transaction: Buffer.from(id, 'hex') }));
  } catch (error) {
    const cause = isAgentError(error) ? error.cause : error;
    const why = cause instanceof BindingFailure ? cause.why : 'no-route';
    const local = cause instanceof BindingFailure ? cause.local?.address : undefined;
    return { failure: cause instanceof Error ? cause.message : String(cause), why, local };
  }
}

function answerOf({ mapped, local, rttMs }: Binding) {
  return { local: local.address, mapped: mapped.address, rtt_ms: Math.round(rttMs * 1000) / 1000 };
}

const bad =
  questions.length === 0 ||
  questions.some(
    ({ host, port, id }) => !isIP(host) || !(port > 0 && port < 65536) || !/^[0-9a-f]{24}$/.test(id),
  );
if (bad || !(Number(deadline) > 0)) {
  process.stderr.write('usage: stun-probe DEADLINE_MS ADDRESS PORT ID [ADDRESS PORT ID…]\n');
  process.exitCode = 2;
} else {
  void Promise.all(questions.map((server) => ask(server, Number(deadline)))).then((answers) =>
    process.stdout.write(`${JSON.stringify(answers)}\n`),
  );
}
