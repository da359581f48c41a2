// A child process for the tests: a witness that listens on a port of its own. Arguments: its directory, and a file with the keys of logs.
import { readFileSync, writeSync } from 'node:fs';
import { cosignerOf } from '../../../src/core/ledger/note/cosignature.ts';
import { readKeyOf, SIGNATURE, verifierText } from '../../../src/core/ledger/note/keys.ts';
import { openWitnessIdentity } from '../../../src/witness/key.ts';
import { serveWitness } from '../../../src/witness/server/serve.ts';
import { openWitness } from '../../../src/witness/witness.ts';

const [directory = '', keyFile = ''] = process.argv.slice(2);
const keys = readFileSync(keyFile, 'utf8')
  .trim()
  .split('\n')
  .map((text) => readKeyOf(text, SIGNATURE.ed25519));
const { signer, seen } = await openWitnessIdentity(directory, 'witness.example');
const endless = { perSecond: 1e6, burst: 1e6, sources: 10 };
const { address } = await serveWitness({
  ...{ host: '127.0.0.1', port: 0, onLost: () => process.exit(1) },
  limits: { perPeer: endless, together: endless, connections: 500, connectionsPerPeer: 500 },
  witness: openWitness({
    signer,
    keysOf: (origin) => keys.filter(({ name }) => name === origin),
    ...{ seen, now: Date.now, onTold: () => undefined },
  }),
});
writeSync(1, `${JSON.stringify({ port: address.port, key: verifierText(cosignerOf(signer.verifier)) })}\n`);
