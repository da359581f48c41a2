// `ledger witness status`: which witness has seen how much of this ledger, and how much this host has seen of others.

import { evidencePaths } from '../../core/ledger/checkpoint/places.ts';
import { readSignedHead } from '../../core/ledger/checkpoint/signed-head.ts';
import { readKeyOf, SIGNATURE, verifierText } from '../../core/ledger/note/keys.ts';
import { ledgerPaths } from '../../core/ledger/paths.ts';
import { AgentError, isErrno } from '../../core/lib/errors.ts';
import { witnessFaults } from '../../diagnose/witness-faults.ts';
import { newWitnessState, readWitnesses, type WitnessState } from '../../witness/client/witness-state.ts';
import { askedFolder, seenFolder } from '../../witness/places.ts';
import { openSeenHeads, type SeenHead } from '../../witness/seen-heads.ts';
import { safeJson } from '../printable.ts';
import { witnessJson, witnessLines } from '../render/witness.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerWitnessStatus: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('status')
    .description('show who has seen how much of this ledger, and when')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger witness status', 'ledger witness status --json | jq .witnesses'])}

Exit code: 0 all is well, 1 a witness refuses this ledger, or none has cosigned it for a while.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const { ledger } = await context.readConfig();
        const { side } = ledgerPaths(ledger.path);
        const signed = await readSignedHead(evidencePaths(side).signed);
        const kept = await readable(askedFolder(side), readWitnesses(askedFolder(side)));
        const states = wantedOf(ledger.witnesses, kept);
        const faults = witnessFaults(
          { states, everySeconds: Math.max(ledger.heartbeat, ledger.checkpoint_interval) },
          terminal.now().getTime(),
        );
        const report = {
          signed: signed === 'damaged' ? undefined : signed,
          states,
          faults,
          seen: await seenByUs(context.witnessDir),
        };
        const lines = json
          ? [safeJson(witnessJson(report), 2)]
          : witnessLines(report, terminal.now(), terminal.width);
        for (const line of lines) terminal.out(line);
        return faults.some(({ degraded }) => !degraded) ? 1 : 0;
      }),
    );
};

/** Those of the configuration, asked or not, and those that come through the cluster. */
function wantedOf(
  configured: readonly { key: string; url: string }[],
  kept: readonly WitnessState[],
): WitnessState[] {
  const asked = configured.map(({ key: text, url }) => {
    const key = readKeyOf(text, SIGNATURE.cosignature);
    const name = verifierText(key);
    return (
      kept.find((state) => state.key === name && state.url !== null) ?? newWitnessState(name, key.name, url)
    );
  });
  return [...asked, ...kept.filter(({ url }) => url === null)];
}

/** Empty where this host is no witness. */
async function seenByUs(directory: string): Promise<SeenHead[]> {
  const folder = seenFolder(directory);
  try {
    return await openSeenHeads(folder).all();
  } catch (error) {
    if (error instanceof AgentError && isErrno(error.cause, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function readable<T>(folder: string, reading: Promise<T>): Promise<T> {
  return reading.catch((cause: unknown) => {
    throw new AgentError('bad-argument', `${folder} cannot be read`, { cause });
  });
}
