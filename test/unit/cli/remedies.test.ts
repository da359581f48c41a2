// What a remedy tells people to run can be run: verbs and options are the command line's own, units and packages exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/core/lib/errors.ts';
import { commandProblem } from './command-problem.ts';
import { commandsIn } from './commands-in.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));

/** Texts of the source, what is filled in later as a word. */
function texts(file: string): string[] {
  const source = readFileSync(file, 'utf8').replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const found = source.match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return found.map((text) => text.slice(1, -1).replace(/\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, 'X'));
}

const all = [
  ...Object.entries(ERRORS).map(([code, { remedy }]) => [code, remedy] as const),
  ...['src/diagnose', 'src/cli', 'src/agent', 'src/netmaker'].flatMap((folder) =>
    filesIn(folder).flatMap((file) => texts(file).map((text) => [file.slice(ROOT.length), text] as const)),
  ),
  ...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    .split('\n')
    .flatMap((line) =>
      [...line.matchAll(/`([^`]+)`/g)].map(([, text = '']) => ['docs/errors.md', text] as const),
    ),
];
const commands = all.flatMap(([where, text]) => commandsIn(text).map((command) => [where, command] as const));

describe('commands that people are told to run', () => {
  it('are found in texts, and prose is not', () => {
    expect(commandsIn('Run: dpkg-reconfigure ovs-port-agent. On another node: install it there.')).toEqual([
      'dpkg-reconfigure ovs-port-agent',
    ]);
    expect(
      commandsIn('Correct it as ovs-port-agent config check says, then restart ovs-port-agent.service.'),
    ).toEqual(['ovs-port-agent config check']);
    expect(commandsIn('systemctl restart a.service; journalctl -u b')).toEqual([
      'systemctl restart a.service',
      'journalctl -u b',
    ]);
    expect(commandsIn('Only ports that ovs-port-agent made can be removed by it.')).toEqual([]);
    expect(commands.length).toBeGreaterThan(60);
  });

  it.each(commands)('%s: %s', (_, command) => {
    expect(commandProblem(command)).toBeUndefined();
  });

  it('names the mistake in one that is none', () => {
    for (const bad of [
      'ovs-port-agent lst',
      'ovs-port-agent list --al',
      'ovs-port-agent proxmox enrol 101',
      'ovs-port-agent ledger',
      'ovs-port-agent explain',
      'ovs-port-agent reconcile 101',
      'systemctl frobnicate docker.service',
      'systemctl start dokcer.service',
      'journalctl -u nobody',
      'apt install no-such-package',
      'sysctl fs.inotify.max_user_watch=1',
    ])
      expect([bad, commandProblem(bad)]).toEqual([bad, expect.any(String)]);
  });
});

describe('commands in the documentation', () => {
  const pages = [
    'README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const written = pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const blocks = [...text.matchAll(/^ {4}(?:# )?(ovs-port-agent [a-z-].*)$/gm)];
    const inline = [...text.matchAll(/`(ovs-port-agent [a-z-][^`]*)`/g)];
    return [...blocks, ...inline].map(([, command = '']) => [page, command] as const);
  });

  it.each(written)('%s: %s', (_, command) => {
    // What a shell makes of the rest of the line is its own.
    expect(commandProblem(command.replace(/\s+(?:#|\||>|&&|;).*$/, ''))).toBeUndefined();
  });

  it('are many', () => {
    expect(written.length).toBeGreaterThan(80);
  });
});

describe('files that a remedy names', () => {
  // Made by the package, by the agent when it runs, or there on every host.
  const OURS = /^\/(?:etc|var\/lib|run|usr\/share\/doc|usr\/lib)\/ovs-port-agent\b|^\/etc\/fstab$/;
  const paths = Object.entries(ERRORS).flatMap(([code, { remedy }]) =>
    (remedy.match(/\/(?:etc|var|run|usr)[\w./-]*\w/g) ?? []).map((path) => [code, path] as const),
  );

  it.each(paths)('%s: %s is there', (_, path) => {
    expect(path).toMatch(OURS);
    if (path.endsWith('.toml')) expect(existsSync(join(ROOT, 'packaging/deb/config.toml'))).toBe(true);
  });
});
