// The completions in real shells: every verb and option is offered, and no name is ever run, whoever chose it.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NUMBERED_RUNTIMES } from '../../../src/core/guest/runtimes.ts';
import { tree, verbPaths } from '../../unit/cli/fake.ts';

const FILES = { bash: 'packaging/deb/completion.bash', zsh: 'packaging/deb/completion.zsh' } as const;
type Shell = keyof typeof FILES;

/** Names that do something when a shell evaluates them; each would leave a file. */
const HOSTILE = ['$(id>A)', '`id>B`', 'x;id>C', `$(id>$\{D-D})`, "x'$(id>E)'", '-n$(id>F)', '*', 'x y'];

let root: string;
let folder: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ovs-port-agent-completion-'));
  folder = join(root, 'cwd');
  const put = async (path: string, text = '') => {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await mkdir(folder);
  const binding = { guest: 'shop', bridge: 'vmbr0' };
  await put('run/ovs-port-agent/bindings/vi101.json', `${JSON.stringify(binding, null, 2)}\n`);
  await put('run/ovs-port-agent/bindings/by-vmid/101');
  await put('etc/pve/qemu-server/102.conf');
  await put('sys/class/net/veth101i0');
  await put('var/lib/ovs-port-agent/vmids.json', '{"allocations":{"docker:web":{},"lxc:mail":{}}}');
  for (const name of HOSTILE) {
    if (!name.includes('/')) await put(`sys/class/net/${name}`);
    const guest = JSON.stringify({ guest: name, bridge: name });
    await put(`run/ovs-port-agent/bindings/vi${name}.json`, guest);
  }
  const allocations = Object.fromEntries(HOSTILE.map((name) => [`docker:${name}`, {}]));
  await put('hostile/vmids.json', JSON.stringify({ allocations }));
  await put('bin/ovs-port-agent', '#!/bin/sh\ntouch ran\n');
  await put('bin/docker', '#!/bin/sh\ntouch ran\n');
  for (const name of ['ovs-port-agent', 'docker']) await chmod(join(root, 'bin', name), 0o755);
});
afterAll(() => rm(root, { recursive: true }));

/** What the shell offers for the last of the words. */
async function offers(shell: Shell, words: readonly string[]): Promise<string[]> {
  const file = join(process.cwd(), FILES[shell]);
  const script =
    shell === 'bash'
      ? `source "$1"; shift
         COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
         _ovs_port_agent; printf '%s\\n' "\${COMPREPLY[@]}"`
      : `file=$1; shift
         compadd() { local a=$@[-1]; print -rl -- "\${(@P)a}" }
         _files() { print -rl -- *(N) }
         compdef() { : }
         words=("$@") CURRENT=$#
         source $file`;
  const args =
    shell === 'bash' ? ['--norc', '--noprofile', '-c', script, 'bash'] : ['-f', '-c', script, 'zsh'];
  const { stdout, stderr } = await execa(shell, [...args, file, 'ovs-port-agent', ...words], {
    cwd: folder,
    env: { OVS_PORT_AGENT_ROOT: root, PATH: `${join(root, 'bin')}:${process.env.PATH}` },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

const optionsOf = (path: string): string[] => {
  let at = tree();
  const all = [...at.options.flatMap(({ long }) => long ?? [])].filter((name) => name !== '--version');
  for (const word of path.split(' ')) at = at.commands.find((command) => command.name() === word) ?? at;
  return [...all, '--help', ...at.options.flatMap(({ long }) => long ?? [])];
};
const choicesOf = (path: string): [string, readonly string[]][] => {
  let at = tree();
  const all = at.options;
  for (const word of path.split(' ')) at = at.commands.find((command) => command.name() === word) ?? at;
  return [...new Set([...all, ...at.options])].flatMap(({ long, argChoices }) =>
    long && argChoices ? [[long, argChoices]] : [],
  );
};
const subverbs = (path: string): string[] =>
  verbPaths()
    .filter((other) => other !== path && other.startsWith(path === '' ? '' : `${path} `))
    .map((other) => other.slice(path === '' ? 0 : path.length + 1))
    .filter((rest) => rest !== '' && !rest.includes(' '));

describe.each(['bash', 'zsh'] as const)('in %s', (shell) => {
  it('every verb and option that there is is offered', { timeout: 120_000 }, async () => {
    for (const path of verbPaths()) {
      const inner = subverbs(path);
      const wanted = inner.length > 0 ? inner : optionsOf(path);
      const found = await offers(shell, [...path.split(' ').filter(Boolean), '']);
      expect([path, wanted.filter((word) => !found.includes(word))]).toEqual([path, []]);
      // And nothing else that looks like an option.
      const odd = found.filter(
        (word) => word.startsWith('--') && ![...optionsOf(path), '--version'].includes(word),
      );
      expect([path, odd]).toEqual([path, []]);
      const noVerbs = found.filter((word) => !word.startsWith('-') && ![...inner, 'help'].includes(word));
      if (inner.length > 0) expect([path, noVerbs]).toEqual([path, []]);
    }
  });

  it('an option that takes one of a few words is offered those words, and no others', {
    timeout: 120_000,
  }, async () => {
    const limited = verbPaths().flatMap((path) =>
      choicesOf(path).map(([option, words]) => ({ path, option, words })),
    );
    expect(limited.map(({ path, option }) => `${path} ${option}`)).toEqual(
      expect.arrayContaining(['list --runtime', 'list --state', 'name --runtime']),
    );
    for (const { path, option, words } of limited) {
      const found = await offers(shell, [...path.split(' ').filter(Boolean), option, '']);
      expect([path, option, found.sort()]).toEqual([path, option, [...words].sort()]);
    }
  });

  it('containers come from the numbers of every runtime whose guests get one', async () => {
    const file = await readFile(FILES[shell], 'utf8');
    expect(/grep -oE '"\(([a-z|]+)\):/.exec(file)?.[1]?.split('|')).toEqual(NUMBERED_RUNTIMES);
  });

  it('guests, ports, bridges and devices come from files, and nothing is asked', async () => {
    expect(await offers(shell, ['explain', ''])).toEqual(
      expect.arrayContaining(['vi101', '101', '102', 'shop', 'veth101i0']),
    );
    expect(await offers(shell, ['remove-interface', ''])).toContain('vi101');
    expect(await offers(shell, ['introspect', ''])).toContain('vmbr0');
    expect(await offers(shell, ['list', '--bridge', ''])).toEqual(['vmbr0']);
    expect(await offers(shell, ['name', ''])).toEqual(expect.arrayContaining(['web', 'mail']));
    expect(await offers(shell, ['proxmox', 'enroll', ''])).toContain('102');
    expect(await readdir(folder)).toEqual([]);
  });

  it('no name is run or expanded, wherever it stands and whatever was typed', {
    timeout: 120_000,
  }, async () => {
    for (const verb of [
      'create-interface',
      'explain',
      'remove-interface',
      'introspect',
      'name',
      'list --guest',
    ]) {
      for (const typed of ['', ...HOSTILE]) {
        const found = await offers(shell, [...verb.split(' '), typed]);
        expect(found.filter((word) => /[^\w.:@+-]/.test(word))).toEqual([]);
      }
    }
    for (const typed of HOSTILE) {
      await offers(shell, [typed, '']);
      await offers(shell, ['ledger', 'verify', typed]);
      await offers(shell, ['events', '--file', typed]);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

it('TAB in a terminal of zsh runs nothing either', async () => {
  const functions = join(root, 'functions');
  await mkdir(functions);
  await execa('cp', [FILES.zsh, join(functions, '_ovs-port-agent')]);
  const script = `zmodload zsh/zpty
    zpty z zsh -f -i
    await() { local line seen; until [[ $seen == *$1* ]]; do zpty -r z line || return; seen+=$line; done; print -r -- $seen }
    zpty -w z 'unsetopt zle_bracketed_paste; ovs-port-agent() { print -r -- "got:$*" }'
    zpty -w z 'export OVS_PORT_AGENT_ROOT=${root}; cd ${folder}; fpath=(${functions} $fpath)'
    zpty -w z "autoload -Uz compinit; compinit -u -D; print up''on"
    await upon
    zpty -w -n z $'ovs-port-agent create-interface veth1\\t\\n'
    await got:
    zpty -w -n z $'ovs-port-agent create-interface \\t\\x15print do\\'\\'ne\\n'
    await done`;
  const { stdout } = await execa('zsh', ['-f', '-c', script], { timeout: 60_000 });
  expect(stdout).toContain('got:create-interface veth101i0');
  expect(await readdir(folder)).toEqual([]);
}, 90_000);
