// `doctor`: checks what this host needs, each with the remedy; needs nothing to be running.

import { examine } from '../../diagnose/doctor/examine.ts';
import { safeJson } from '../printable.ts';
import { findingLines, findingsExitCode, toneOf } from '../render/findings.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addDoctor: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('doctor')
    .description('check what this host needs, and say what to do about what is wrong')
    .option('--json', 'print one JSON document: a list of findings')
    .addHelpText(
      'after',
      `${examples(['doctor', `doctor --json | jq '.[] | select(.state == "fail")'`])}

Marks: ✓ passed, ! warning, ✗ failed, – not applicable here. Nothing is changed, and nothing has to be running.
Exit code: 0 nothing failed, 1 something did.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const findings = examine(await context.inspect.doctor());
        const lines = json ? [safeJson(findings, 2)] : findingLines(findings);
        for (const line of lines) terminal.out(line, toneOf(line));
        return findingsExitCode(findings);
      }),
    );
};
