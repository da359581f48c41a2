// Measures ours beside its peers and prints one table; ends with 1 when a limit is missed.
//
//   scripts/bench [--json] [SECTION[:SUITE]…]      SECTION: see SECTIONS; all of them, on all their suites, by default

import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import type { Suite } from '../test/lab/host.ts';
import { measureInside } from './hosts.ts';
import { run as measureLedger } from './ledger.ts';
import { measureReboot } from './reboot.ts';
import { blockers, type Row } from './row.ts';
import { single } from './series.ts';
import { table } from './table.ts';

const SECTIONS = ['hook', 'docker', 'ports', 'netmaker', 'ovsdb', 'reparent', 'reboot', 'ledger'];
const DISK = process.env.OPA_BENCH_DIR ?? '/var/tmp';
const began = Date.now();
const say = (text: string) =>
  void process.stderr.write(
    `bench: [${String(Math.round((Date.now() - began) / 1000)).padStart(3)}s] ${text}\n`,
  );

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const asked = positionals.map((argument) => argument.split(':'));
const unknown = asked.map(([name = '']) => name).filter((name) => !SECTIONS.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no section ${unknown.join(', ')}; there are ${SECTIONS.join(', ')}\n`);
  process.exit(2);
}
/** Without `suite`: on any. */
const wanted = (name: string, suite?: Suite) =>
  asked.length === 0 ||
  asked.some(
    ([section, on]) => section === name && (on === undefined || suite === undefined || on === suite),
  );

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const options = { deb: `dist/bench/ovs-port-agent_${version}_all.deb`, disk: DISK, say };
const loadBefore = loadavg()[0] ?? 0;
const rows: Row[] = [];
const versions: string[] = [];

const inForky = ['hook', 'docker', 'ports'].filter((one) => wanted(one, 'forky'));
if (inForky.length > 0) {
  const found = await measureInside('forky', inForky, options);
  rows.push(...found.rows);
  versions.push(found.versions);
}
if (wanted('hook')) {
  // Proxmox 9 and 8 stand on these; their Node is older, and a hook is mostly Node's own start.
  for (const suite of (['trixie', 'bookworm'] as const).filter((one) => wanted('hook', one))) {
    const found = await measureInside(suite, ['hook'], options);
    rows.push(...found.rows);
    versions.push(found.versions);
  }
}
// With an internet around it, which nothing else wants.
if (wanted('netmaker')) {
  for (const suite of (['forky', 'trixie'] as const).filter((one) => wanted('netmaker', one))) {
    const found = await measureInside(suite, ['netmaker'], options);
    say(`${suite}: netmaker\n${table(found.rows)}`);
    rows.push(...found.rows.map((one) => ({ ...one, what: `${suite}: ${one.what}` })));
    versions.push(found.versions);
  }
}
// Like Proxmox 9, and no NetworkManager in it. Each in a fresh host: five hundred ports would stand in the way of the next.
for (const section of ['ovsdb', 'reparent'].filter((one) => wanted(one))) {
  const found = await measureInside('trixie', [section], options);
  rows.push(...found.rows);
  versions.push(found.versions);
}
if (wanted('reboot')) {
  say('trixie: reboot');
  const found = await measureReboot(options);
  rows.push(...found.rows);
  versions.push(found.versions);
}
if (wanted('ledger')) {
  say('ledger');
  for (const { name, unit, ours, peer, ratio, limit } of await measureLedger()) {
    rows.push({
      what: `ledger: ${name}`,
      unit,
      ours: single(ours, 3),
      peer: { name: '', ...single(peer, 3) },
      ratio,
      ...(limit === undefined ? {} : { limit }),
    });
  }
}

const setting = {
  date: new Date(began).toISOString(),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}`,
  load: `${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after (1 minute)`,
  hosts: [...new Set(versions)],
};
if (values.json) process.stdout.write(`${JSON.stringify({ ...setting, rows }, null, 2)}\n`);
else {
  process.stdout.write(`${setting.date}, ${setting.machine}, load ${setting.load}\n`);
  process.stdout.write(`${setting.hosts.join('\n')}\n\n${table(rows)}\n`);
}
process.exitCode = rows.some((row) => blockers(row) === false) ? 1 : 0;
