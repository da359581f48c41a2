// The command tree, `--help`, docs/cli.md and the man page name the same verbs and options. The completions are compared
// with the tree in real shells (test/integration/cli/completion.test.ts).

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { cli, tree, verbPaths } from './fake.ts';

const text = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const commandOf = (path: string): Command =>
  path.split(' ').reduce((at, word) => at.commands.find((one) => one.name() === word) ?? at, tree());
const verbs = verbPaths().filter((path) => path !== '' && commandOf(path).commands.length === 0);
/** Of every verb, and told of once. */
const SHARED = ['--help', '--json', '--color', '--no-pager'];
const optionsOf = (path: string) =>
  commandOf(path)
    .options.flatMap(({ long }) => long ?? [])
    .filter((name) => !SHARED.includes(name))
    .sort();
/** `-n` stands for `--lines` as well. */
const shortOf = (path: string, name: string) => {
  const short = commandOf(path).options.find(({ long }) => long === name)?.short;
  return short ? new RegExp(`(?<![\\w-])${short}(?![\\w-])`) : /$^/;
};
const optionsIn = (said: string) => [...new Set(said.match(/(?<![\w-])--[a-z]+(?:-[a-z]+)*/g) ?? [])].sort();
const named = (said: string) => optionsIn(said).filter((name) => !SHARED.includes(name));

/** `proxmox interfaces show|apply|remove` is three verbs. */
const spelledOut = (names: string) => {
  const [, begin = '', last = ''] = /^(.*?)([a-z-]+(?:\|[a-z-]+)*)$/.exec(names) ?? [];
  return last.split('|').map((word) => begin + word);
};

interface Entry {
  verbs: string[];
  /** What is said of them. */
  text: string;
}

const page = text('docs/cli.md');
const sections = page.split(/^##+ /m);
const inPage: Entry[] = page
  .slice(0, page.indexOf('\n## '))
  .split('\n')
  .filter((line) => /^\| `[a-z]/.test(line))
  .map((line) => {
    const [, usage = ''] = /^\| `((?:[^`\\]|\\.)+)`/.exec(line) ?? [];
    const [names = ''] = /^[a-z|-]+(?: [a-z|-]+)*/.exec(usage.replaceAll('\\|', '|')) ?? [];
    return { verbs: spelledOut(names), text: line };
  });

/** Without the commands of roff. */
const plain = (roff: string) =>
  roff
    .replace(/^\.[A-Z]{1,2} ?/gm, '')
    .replace(/\\f[A-Z]|\\&|"/g, '')
    .replaceAll('\\-', '-');
const manual = text('docs/ovs-port-agent.8');
const verbPart = manual.slice(manual.indexOf('.SH VERBS'), manual.indexOf('.SH "EXIT STATUS"'));
const [, ...entries] = verbPart.slice(0, verbPart.lastIndexOf('\n.PP')).split('\n.TP\n');
const inManual: Entry[] = entries.map((entry) => {
  const [head = ''] = entry.split('\n');
  const words = plain(head.replace(/ \| /g, '|').replace(/ *\\f[IR].*/, '')).trim();
  const [names = ''] = /^[a-z][a-z-]*(?:[ |][a-z][a-z|-]*)*/.exec(words) ?? [];
  return { verbs: spelledOut(names), text: plain(entry) };
});

/** What FILTERS stands for, told of once. */
const FILTERS = {
  page: sections.find((one) => one.startsWith('Finding blocks')) ?? '',
  manual: inManual.find((one) => one.verbs.includes('ledger show'))?.text ?? '',
};

describe.each([
  [
    'docs/cli.md',
    inPage,
    (verb: string, entry: string) =>
      (sections.find((one) => one.startsWith(`\`${verb}\``)) ?? '') +
      (entry.includes('[FILTERS]') ? FILTERS.page : ''),
  ],
  // Below the verbs: `--file` of all that read the ledger.
  [
    'the man page',
    inManual,
    (_: string, entry: string) =>
      plain(verbPart.slice(verbPart.lastIndexOf('\n.PP'))) +
      (entry.includes('[filters]') ? FILTERS.manual : ''),
  ],
])('%s', (_, said, more) => {
  it('has the verbs that there are', () => {
    const isVerb = (path: string) => verbs.includes(path);
    const found = said.flatMap((entry) => entry.verbs);
    expect(found.filter((verb) => !isVerb(verb))).toEqual([]);
    expect([...found].sort()).toEqual([...verbs].sort());
  });

  it.each(verbs)('names the options of %s, and no others', (verb) => {
    const entry = said.find((one) => one.verbs.includes(verb))?.text ?? '';
    const here = named(entry);
    const all = `${entry}\n${more(verb, entry)}`;
    const isNamed = (name: string) => named(all).includes(name) || shortOf(verb, name).test(all);
    expect(optionsOf(verb).filter((name) => !isNamed(name))).toEqual([]);
    expect(here.filter((name) => !optionsOf(verb).includes(name))).toEqual([]);
  });
});

describe('--help', () => {
  it.each(verbs)('of %s names its options, and no others', async (verb) => {
    const { out } = await cli([...verb.split(' '), '--help']);
    const options = out.filter((line) => /^ {2}(?:-\w, )?--/.test(line)).join('\n');
    const heads = options.split('\n').map((line) => line.split(/ {2,}/)[1] ?? '');
    expect(named(heads.join('\n'))).toEqual(optionsOf(verb));
  });

  it('lists the verbs that there are', async () => {
    for (const path of verbPaths().filter((one) => one === '' || !verbs.includes(one))) {
      const words = path.split(' ').filter(Boolean);
      const text = (await cli([...words, '--help'])).out.join('\n');
      const [list = ''] = text.slice(text.indexOf('Commands:')).split('\n\n');
      const listed = [...list.matchAll(/^ {2}([a-z][a-z-]*)\b/gm)];
      const inner = commandOf(path).commands.map((command) => command.name());
      expect([path, listed.map(([, name]) => name).filter((name) => name !== 'help')]).toEqual([path, inner]);
    }
  });
});
