// The witness as a process of its own, without the agent's rights: reads its keys of the configuration, and listens.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../core/config/load.ts';
import { cosignerOf } from '../core/ledger/note/cosignature.ts';
import { readKeyOf, SIGNATURE, type Verifier, verifierText } from '../core/ledger/note/keys.ts';
import { AgentError, isAgentError } from '../core/lib/errors.ts';
import { isJournal, journalLog, plainLog } from '../core/lib/log.ts';
import { parseListen } from '../witness/config-section.ts';
import { defaultKeyName, openWitnessIdentity } from '../witness/key.ts';
import { WITNESS_STATE, WITNESS_TLS } from '../witness/places.ts';
import { serveWitness } from '../witness/server/serve.ts';
import { openWitness, type Told } from '../witness/witness.ts';

const log = (isJournal(1, process.env) ? journalLog : plainLog)((line) => process.stdout.write(line));

/** What the unit does not try again: a person has to correct the file first. */
const BAD_CONFIG_EXIT = 2;

async function main(): Promise<number> {
  const { config } = await loadConfig();
  const { listen, https, name, logs } = config.witness;
  const place = parseListen(listen);
  if (place === undefined)
    throw new AgentError('bad-config', "witness.listen names no address, so this host is nobody's witness");
  const { signer, seen } = await openWitnessIdentity(
    WITNESS_STATE,
    name || defaultKeyName(hostname(), 'witness'),
  );
  const keys = logs.map((text) => readKeyOf(text, SIGNATURE.ed25519));
  const witness = openWitness({
    signer,
    keysOf: (origin) => keys.filter((key: Verifier) => key.name === origin),
    seen,
    now: Date.now,
    onTold: once(({ origin, text }) => log.warning(`${origin}: ${text}`)),
  });
  const ended = new Promise<number>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(0));
  });
  let lost: (code: number) => void = () => undefined;
  const failed = new Promise<number>((resolve) => {
    lost = resolve;
  });
  const tls = https ? await readTls(process.env.CREDENTIALS_DIRECTORY) : undefined;
  const served = await serveWitness({
    ...place,
    tls,
    witness,
    onLost: (error) => {
      log.error(
        new AgentError('witness-failed', `Nothing listens at ${listen} any more`, { cause: error }).toLine(),
      );
      lost(1);
    },
  }).catch((cause: unknown) => {
    throw new AgentError('witness-failed', `The witness cannot listen at ${listen}`, { cause });
  });
  log.info(
    `witness of ${logs.length} ${logs.length === 1 ? 'ledger' : 'ledgers'} at ${https ? 'https' : 'http'}://${listen}, key ${verifierText(cosignerOf(signer.verifier))}`,
  );
  if (logs.length === 0) log.warning('witness.logs names no ledger: every checkpoint is answered with 404');
  const code = await Promise.race([ended, failed]);
  await served.close();
  await witness.close();
  return code;
}

/** What is told again and again is told once, until something else is. */
function once(tell: (told: Told) => void): (told: Told) => void {
  let last = '';
  return (told) => {
    const text = `${told.origin}\n${told.text}`;
    if (text !== last) tell(told);
    last = text;
  };
}

/** systemd hands the files over as `tls_NAME` (systemd.exec(5), LoadCredential= of a directory). */
async function readTls(handedOver: string | undefined): Promise<{ certificate: string; key: string }> {
  const read = (file: string) => {
    const path = handedOver === undefined ? join(WITNESS_TLS, file) : join(handedOver, `tls_${file}`);
    return readFile(path, 'utf8').catch((cause: unknown) => {
      throw new AgentError('witness-failed', `${join(WITNESS_TLS, file)} cannot be read`, { cause });
    });
  };
  return { certificate: await read('certificate.pem'), key: await read('key.pem') };
}

void main()
  .catch((error: unknown) => {
    log.error(isAgentError(error) ? error.toLine() : `could not start: ${String(error)}`);
    return isAgentError(error, 'bad-config') ? BAD_CONFIG_EXIT : 1;
  })
  .then((code) => process.exit(code));
