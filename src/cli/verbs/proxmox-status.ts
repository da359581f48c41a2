// `proxmox status`: which guests of this node have the hookscript, and what is wrong.

import { guestEnrolments } from '../../runtimes/proxmox/hookscript/enrolment-status.ts';
import { hookscriptProblem } from '../../runtimes/proxmox/hookscript/host.ts';
import { offersSnippets } from '../../runtimes/proxmox/hookscript/storage-cfg.ts';
import { OUR_VOLUME } from '../../runtimes/proxmox/hookscript/volume.ts';
import { safeJson } from '../printable.ts';
import { proxmoxHost } from '../proxmox-host.ts';
import { type EnrolmentStatus, enrolmentExitCode, enrolmentLines } from '../render/enrolment.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addProxmoxStatus: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('status')
    .description('show which guests of this node have the hookscript, and what is wrong')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['proxmox status', "proxmox status --json | jq '.guests[] | select(.ours | not)'"])}

Exit code: 0 all is well, 1 a guest would not start, or the snippet is missing on this node.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const config = await context.readConfig();
        const host = await proxmoxHost(context, config);
        const path = await host.fileOf(OUR_VOLUME);
        const status: EnrolmentStatus = {
          auto_enroll: config.proxmox.auto_enroll,
          snippet: { path, problem: (await hookscriptProblem(path)) ?? null },
          snippets_offered: offersSnippets(host.storages.get('local')),
          guests: await guestEnrolments(host),
        };
        const lines = json ? [safeJson(status, 2)] : enrolmentLines(status);
        for (const line of lines) terminal.out(line);
        return enrolmentExitCode(status);
      }),
    );
};
