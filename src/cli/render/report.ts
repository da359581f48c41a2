// A report on a span of time, in words; pure.

import type { EvidenceResult } from '../../core/ledger/checkpoint/verify-evidence.ts';
import type { Change, Report } from '../../core/ledger/report/report.ts';
import { printable, safeJson } from '../printable.ts';
import { count } from './quantity.ts';
import { fitted } from './table.ts';
import { localTime } from './time.ts';
import { verdictJson, verdictLines } from './verdict.ts';

/** Lines of a part; `--json` has all. */
const SHOWN = 30;

/** For programs. `checked` is what a look at the whole ledger found; undefined where none was taken. */
export function reportJson(path: string, report: Report, checked: EvidenceResult | undefined): object {
  const { failureCount, ...rest } = report;
  return {
    ledger: path,
    ...rest,
    failure_count: failureCount,
    witnesses: report.witnesses.map(({ name, cosigned, lastSize, lastAt }) => ({
      name,
      cosigned,
      last_size: lastSize,
      last_at: lastAt,
    })),
    integrity: checked ? verdictJson(path, checked) : null,
  };
}

export function reportLines(
  path: string,
  report: Report,
  checked: EvidenceResult | undefined,
  width: number | undefined,
): string[] {
  const { first, last, hosts, blocks } = report;
  const from = report.since === null ? 'the beginning' : localTime(report.since);
  const to = report.until === null ? 'now' : localTime(report.until);
  const span =
    first && last
      ? `#${first.height} (${localTime(first.at)}) to #${last.height} (${localTime(last.at)}), hash ${last.hash}`
      : 'none in this time';
  return [
    `Report on ${path}`,
    `from ${from} to ${to}, of ${hosts.join(', ') || 'no host'}`,
    `${count(blocks, 'block')}: ${span}`,
    ...part('Integrity of the whole ledger', checked ? verdictLines(path, checked) : ['not checked']),
    ...part('Who had what changed', table(changeRows(report.changes), width)),
    ...part('What failed', failures(report, width)),
    ...part('Gaps', table(gapRows(report), width)),
    ...part('What the ledger says of itself', notes(report)),
    ...part('Checkpoints', checkpoints(report)),
    ...part('Witnesses', witnesses(report)),
  ].map(printable);
}

function part(title: string, lines: readonly string[]): string[] {
  return ['', title, ...(lines.length === 0 ? ['  none'] : lines.map((line) => `  ${line}`))];
}

/** The first row is the head. */
function table([head, ...rows]: string[][], width: number | undefined): string[] {
  if (head === undefined || rows.length === 0) return [];
  const shown = fitted(
    [head, ...rows.slice(0, SHOWN)],
    width === undefined ? undefined : width - 2,
    head.map((title) => title !== 'COUNT' && title !== 'BLOCK'),
  );
  return [...shown, ...left(rows.length)];
}

const left = (found: number) => (found > SHOWN ? [`… and ${found - SHOWN} more: --json`] : []);

function changeRows(changes: readonly Change[]): string[][] {
  return [
    ['COUNT', 'WHAT', 'BY', 'BECAUSE', 'OF', 'LAST'],
    ...changes.map(({ count: times, action, by, source, because, subjects, last }) => [
      String(times),
      action,
      by.join(', '),
      source === null ? because : `${because} (${source})`,
      subjects.join(' ') || '-',
      `#${last.height}`,
    ]),
  ];
}

function failures({ failures: found, failureCount, open }: Report, width: number | undefined): string[] {
  const rows = found.map(({ height, at, action, subject, by, code, error }) => [
    `#${height}`,
    localTime(at),
    action,
    subject || '-',
    by.join(', '),
    [code, error].filter(Boolean).join(': ') || '-',
  ]);
  const shown = table([['BLOCK', 'TIME', 'WHAT', 'OF', 'BY', 'WHY'], ...rows], width);
  const more = failureCount > found.length ? [`${failureCount} in all`] : [];
  const unfinished = open.length === 0 ? [] : [`begun and not finished in this time: ${heights(open)}`];
  return [...shown, ...more, ...unfinished];
}

const heights = (all: readonly number[]) =>
  `${all
    .slice(0, SHOWN)
    .map((height) => `#${height}`)
    .join(' ')}${all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ''}`;

function gapRows({ gaps }: Report): string[][] {
  const rows = gaps.map(({ from, to, height, reason }) => [
    `#${height}`,
    localTime(from),
    localTime(to),
    reason,
  ]);
  return [['BLOCK', 'FROM', 'TO', 'WHY'], ...rows];
}

function notes({ notes: found }: Report): string[] {
  const lines = found
    .slice(0, SHOWN)
    .map(({ height, at, action, data }) => `#${height}  ${localTime(at)}  ${action}  ${safeJson(data)}`);
  return [...lines, ...left(found.length)];
}

function checkpoints({ checkpoints: { count: signed, first, last, origins } }: Report): string[] {
  if (first === null || last === null) return [];
  const span = `${signed} signed, from ${first.size} blocks (${localTime(first.at)}) to ${last.size} (${localTime(last.at)})`;
  return [span, ...origins.map((origin) => `of ${origin}`)];
}

function witnesses({ witnesses: found }: Report): string[] {
  return found.map(
    ({ name, cosigned, lastSize, lastAt }) =>
      `${name}: under ${count(cosigned, 'checkpoint')}, the last of ${lastSize} blocks (${localTime(lastAt)})`,
  );
}
