// A log in memory that is shown to a witness by the product's own client: `node witness-process.cjs key FILE` makes its key,
// `grow FILE URL WITNESS ROUNDS` has it cosigned again and again, then tries what must be refused. One JSON line.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { cosignedAt } from '../../src/core/ledger/note/cosignature.ts';
import { newSigner, opensshText, readKeyOf, readSigner, SIGNATURE } from '../../src/core/ledger/note/keys.ts';
import { parseNote } from '../../src/core/ledger/note/signed-note.ts';
import { addCheckpointBody } from '../../src/witness/add-checkpoint.ts';
import { askOnce } from '../../src/witness/client/ask-once.ts';
import { postCheckpoint } from '../../src/witness/client/post.ts';
import { memoryLog } from '../unit/witness/memory-log.ts';

const [verb, file = '', url = '', witness = '', rounds = '0'] = process.argv.slice(2);

function makeKey(): void {
  const made = newSigner('log');
  const hash = createHash('sha256').update(made.verifier.raw).digest('hex');
  const signer = made.named(`sigsum.org/v1/tree/${hash}`);
  writeFileSync(file, signer.privateText(), { mode: 0o600 });
  writeFileSync(`${file}.pub`, `${opensshText({ ...signer.verifier, name: 'log' })}\n`);
}

async function grow(): Promise<object> {
  const signer = readSigner(readFileSync(file, 'utf8'));
  const origin = signer.verifier.name;
  const key = readKeyOf(witness, SIGNATURE.cosignature);
  const post = (body: string) => postCheckpoint(body, { url, deadlineMs: 30_000 });
  const log = memoryLog(origin, signer);
  let cosigned = 0;
  let seen = 0;
  for (let round = 0; round < Number(rounds); round += 1) {
    const { size, note } = log.grow(1 + ((round * 7) % 5));
    const outcome = await askOnce(log, key, seen, post);
    if (outcome === undefined || !('cosigned' in outcome))
      throw new Error(`round ${round}: ${JSON.stringify(outcome)}`);
    if (cosignedAt(parseNote(note + outcome.cosigned.line), key) !== undefined) cosigned += 1;
    seen = size;
  }
  const status = async (old: number, proof: Buffer[], note: string) =>
    (await post(addCheckpointBody(old, proof, note))).status;
  const { size, note } = log.grow(3);
  const proof = await log.consistency(seen, size);
  const stranger = memoryLog(origin, newSigner(origin));
  const refused = {
    stranger: await status(0, [], stranger.grow(5).note),
    old: await status(0, [], note),
    proof: await status(
      seen,
      proof.map(() => Buffer.alloc(32, 1)),
      note,
    ),
    above: await status(size + 1, [], note),
  };
  // Rolled back, and grown to something else of the same size and of a larger one.
  log.rollBack(seen - 10);
  const behind = await askOnce(log, key, 0, post);
  log.grow(10);
  const same = await askOnce(log, key, seen, post);
  log.grow(10);
  const larger = await askOnce(log, key, seen, post);
  return { size: seen, cosigned, refused, behind, same, larger };
}

if (verb === 'key') makeKey();
else
  grow().then(
    (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    },
  );
