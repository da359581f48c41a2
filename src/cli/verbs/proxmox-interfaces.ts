// `proxmox interfaces`: our part of /etc/network/interfaces, shown, made and taken out.

import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import { AgentError } from '../../core/lib/errors.ts';
import { applyInterfaces, previewInterfaces } from '../../ifupdown/apply.ts';
import { type Edited, withoutOurs } from '../../ifupdown/edit.ts';
import { specifiedChange } from '../../ifupdown/interfaces-spec.ts';
import { recordResult, resultOf } from '../../ifupdown/last-result.ts';
import { safeJson } from '../printable.ts';
import { changeLine, diffLines, fromBytes, refusalLine } from '../render/interfaces.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

export const addProxmoxInterfaces: AddVerb = (parent, context) => {
  const group = parent
    .command('interfaces')
    .description("our bridges in /etc/network/interfaces, for Proxmox's web interface");
  for (const add of [addShow, addApply, addRemove]) add(group, context);
};

type Options = { json?: boolean };

function addShow(group: Command, context: Context): void {
  const { terminal, networkDir } = context;
  group
    .command('show')
    .description('what "apply" would change, and what it would not do and why')
    .option('--json', 'print one JSON document: files, each with its changes and lines, and refusals')
    .addHelpText(
      'after',
      `${examples(['proxmox interfaces show'])}

Changes nothing. Exit code: 0 the file is as it should be, 1 it would change or something would be refused.`,
    )
    .action(
      ending(context, async ({ json }: Options) => {
        const outcomes = await previewInterfaces({
          directory: networkDir,
          change: await specifiedChangeOf(context),
        });
        const result = resultOf(outcomes);
        if (json) {
          const files = result.files.map((file, at) => ({
            ...file,
            diff: outcomes[at]?.diff
              .filter(({ sign }) => sign !== ' ')
              .map(({ sign, text }) => ({ sign, text: fromBytes(text) })),
          }));
          terminal.out(safeJson({ ...result, files }, 2));
        } else {
          for (const line of outcomes.flatMap(diffLines)) terminal.out(line);
          for (const refusal of result.refusals) terminal.out(refusalLine(refusal));
        }
        return result.refusals.length > 0 || outcomes.some(({ changed }) => changed) ? 1 : 0;
      }),
    );
}

function addApply(group: Command, context: Context): void {
  const { terminal, exec, networkDir, runtimeDir } = context;
  group
    .command('apply')
    .description('put our part into the file; never reloads the network')
    .option('--json', 'print one JSON document: files, each with its changes, and refusals')
    .addHelpText(
      'after',
      `${examples(['proxmox interfaces show && echo nothing to do', 'proxmox interfaces apply'])}

With interfaces = true in the section [proxmox] of the configuration the agent has this done by itself.
Exit code: 0 done, or nothing to do; 1 something was refused, as it says.`,
    )
    .action(
      ending(context, async ({ json }: Options) => {
        const outcomes = await recordResult(runtimeDir, terminal.now(), async () =>
          applyInterfaces({ directory: networkDir, exec, change: await specifiedChangeOf(context) }),
        );
        const result = resultOf(outcomes);
        report(context, result, json);
        return result.refusals.length > 0 ? 1 : 0;
      }),
    );
}

function addRemove(group: Command, context: Context): void {
  const { exec, networkDir } = context;
  group
    .command('remove')
    .description('take our part out again; every other byte stays')
    .option('--json', 'print one JSON document: files, each with its changes, and refusals')
    .addHelpText(
      'after',
      `${examples(['proxmox interfaces remove'])}

Set interfaces = false in the section [proxmox] first, or the agent puts it back.`,
    )
    .action(
      ending(context, async ({ json }: Options) => {
        const change = (text: string) => withoutOurs(text);
        const outcomes = await applyInterfaces({ directory: networkDir, exec, change });
        report(context, resultOf(outcomes), json);
        return 0;
      }),
    );
}

/** The change that this host's configuration and switch ask for. Throws when it is no Proxmox host. */
async function specifiedChangeOf({
  config,
  bridges,
  networkDir,
}: Context): Promise<(text: string) => Promise<Edited>> {
  const settings = await config();
  const { enabled, root } = settings.proxmox;
  if (enabled === false) {
    throw new AgentError('bad-config', 'Proxmox guests are switched off: enabled = false in [proxmox]');
  }
  await access(root).catch((cause: unknown) => {
    throw new AgentError('not-proxmox', `There is no ${root}`, { cause });
  });
  return specifiedChange(settings, await bridges(), networkDir);
}

function report({ terminal }: Context, result: ReturnType<typeof resultOf>, json: boolean | undefined): void {
  if (json) {
    terminal.out(safeJson(result, 2));
    return;
  }
  for (const { path, changed, changes } of result.files) {
    terminal.out(changed ? `${path}: changed` : `${path}: nothing to change`);
    for (const change of changes) terminal.out(changeLine(change));
  }
  for (const refusal of result.refusals) terminal.out(refusalLine(refusal));
}
