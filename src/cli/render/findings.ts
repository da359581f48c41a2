// What `doctor` found, one aligned line each under its group; pure.

import type { Finding, FindingState } from '../../core/lib/finding.ts';
import { printable } from '../printable.ts';
import type { ExitCode } from '../terminal.ts';
import { count } from './quantity.ts';

const MARKS: Readonly<Record<FindingState, string>> = { pass: '✓', warn: '!', fail: '✗', skip: '–' };

/** 1 when something failed; warnings are fine. */
export function findingsExitCode(findings: readonly Finding[]): ExitCode {
  return findings.some(({ state }) => state === 'fail') ? 1 : 0;
}

/** The remedy stands indented below its finding; the last line sums up. */
export function findingLines(findings: readonly Finding[]): string[] {
  const groups = new Set(findings.map(({ group }) => group));
  const lines = [...groups].flatMap((group) => [
    group,
    ...findings.filter((finding) => finding.group === group).flatMap(findingLine),
  ]);
  return [...lines, summary(findings)];
}

function findingLine({ state, text, remedy }: Finding): string[] {
  return [
    printable(`  ${MARKS[state]} ${text}`),
    ...(remedy === undefined ? [] : [printable(`      ${remedy}`)]),
  ];
}

function summary(findings: readonly Finding[]): string {
  const of = (state: FindingState) => findings.filter((finding) => finding.state === state).length;
  const [failed, warned, passed] = [of('fail'), of('warn'), of('pass')];
  if (failed + warned === 0) return `All right: ${count(passed, 'check')} passed.`;
  const parts = [
    ...(failed > 0 ? [`${count(failed, 'check')} failed`] : []),
    ...(warned > 0 ? [count(warned, 'warning')] : []),
    `${passed} passed`,
  ];
  return `${parts.join(', ')}.`;
}

/** How a line of `findingLines` is meant. */
export function toneOf(line: string): 'bad' | 'warn' | undefined {
  if (line.startsWith(`  ${MARKS.fail} `)) return 'bad';
  return line.startsWith(`  ${MARKS.warn} `) ? 'warn' : undefined;
}
