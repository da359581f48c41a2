// Runs inside a test host, as a bundle: attests a process, or answers at addresses until it is ended.
//
//   attest PID SERVER ADDRESS…      the attestations, as JSON
//   respond PORT HTTP_PORT ADDRESS…

import { exec } from '../../src/core/lib/exec.ts';
import { attest } from '../../src/netmaker/stun/attest.ts';
import { openResponder } from '../../src/netmaker/stun/responder.ts';
import { parseStunServer } from '../../src/netmaker/stun/server.ts';
import { openWitness } from '../../src/netmaker/stun/witness.ts';

const [verb, first = '', second = '', ...addresses] = process.argv.slice(2);
const say = (text: string) => process.stdout.write(`${text}\n`);

if (verb === 'attest') {
  const servers = second.split(',').map(parseStunServer);
  void attest({
    exec,
    witness: openWitness(exec),
    pid: Number(first),
    servers,
    addresses,
    deadlineMs: 2000,
  }).then((told) => say(JSON.stringify(told)));
} else {
  const responder = openResponder({
    addresses,
    stunPort: Number(first),
    httpPort: Number(second),
    onError: (error) => say(error.toLine()),
  });
  void responder.ensure().then(() => say(`ready ${responder.listening().join(' ')}`));
}
