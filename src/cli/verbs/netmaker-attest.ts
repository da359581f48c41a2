// `netmaker attest`: asks a STUN server from inside containers under which address they are seen.

import { attestationsSchema } from '../../api/answers/netmaker.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { parseGuestName } from '../arguments.ts';
import { safeJson } from '../printable.ts';
import { attestationExitCode, attestationTable } from '../render/attest.ts';
import { type AddVerb, ending, examples } from '../verb.ts';
import { showingWait } from '../wait-progress.ts';

/** Milliseconds; containers that get no answer take their time, a few at once. */
const DEADLINE_MS = 180_000;
const METHOD = 'AttestNetmaker';

export const addNetmakerAttest: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('attest')
    .description('prove that containers are seen under their own addresses, by STUN from inside of them')
    .argument('[container]', 'which one; all of them by default', parseGuestName)
    .option(
      '--json',
      'print one JSON document: a list of verdicts, one for each container and address family',
    )
    .addHelpText(
      'after',
      `${examples(['netmaker attest', 'netmaker attest netclient', "netmaker attest --json | jq '.[].verdict'"])}

public       the server sees the address that the container sends from, and it is the one that it was given
behind NAT   the server sees another one, or the container sends from another one
unreachable  no answer: no route, no server, or something on the way drops it
The server is stun_server in the section [netmaker] of the configuration, else the agent's own responder at the gateway,
if that is on. What came out is in the ledger: endpoint_attested.
Exit code: 0 all are public, 1 some container is not.`,
    )
    .action(
      ending(context, async (container: string | undefined, { json }: { json?: boolean }) => {
        const call = { member: METHOD, signature: 's', body: [container ?? ''], deadlineMs: DEADLINE_MS };
        const reply = await showingWait(
          terminal,
          `attest: asking from inside ${container ?? 'all containers'}`,
          callAgent(call),
        );
        const rows = attestationsSchema.safeParse(jsonAnswer(METHOD, reply));
        if (!rows.success) throw notUnderstood(METHOD);
        const lines = json ? [safeJson(rows.data, 2)] : attestationTable(rows.data, terminal.width);
        for (const line of lines) terminal.out(line);
        return attestationExitCode(rows.data);
      }),
    );
};
