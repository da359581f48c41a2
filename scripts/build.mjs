// Bundles each entry point into one CommonJS file in dist/lib that runs on Node 18.19 with nothing installed.
//
//   node scripts/build.mjs [--root DIR] [--out DIR] [NAME…]      NAME: agent, cli, witness, stun-probe, proxmox-hook, lxc-hook

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, transform } from 'esbuild';
import { bundledPackages, thirdPartyNotice } from './third-party.mjs';

const HERE = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');

const VERSION = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).version;

/** Optional packages whose absence their users notice by a throwing require. */
const ABSENT = ['supports-color'];
/** Packages that a dependency asks for but that we never reach: native code, SSH, BuildKit. They throw when used. */
const NEVER = [
  ...ABSENT,
  'ssh2', // dockerode over SSH; brings the native cpu-features
  '@grpc/grpc-js', // dockerode's BuildKit session
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs', // dockerode's build contexts
  '@balena/dockerignore',
  'https', // dockerode over TCP; brings the TLS half of Node
  'readable-stream', // dockerode's `attach` and `exec`
];
/** A hook lives for one D-Bus call, and every guest start waits for it: no parser, no process runner, no full zod. */
const HEAVY = ['dockerode', 'docker-modem', 'execa', 'commander', '@iarna/toml'];

/** What dbus-next brings beside its codec, with known faults of their own: nothing of it is loaded, and no stub hides it. */
const REFUSED = ['xml2js', 'xmlbuilder', 'sax', 'event-stream', 'usocket', 'x11'];

const BUNDLES = [
  { name: 'agent', entry: 'src/agent/main.ts', limitKiB: 2048, stubs: NEVER, refuse: [], light: true },
  { name: 'cli', entry: 'src/cli/main.ts', limitKiB: 1536, stubs: NEVER, refuse: [] },
  // It listens on a network: nothing that it has no use for.
  {
    name: 'witness',
    entry: 'src/agent/witness.ts',
    limitKiB: 512,
    stubs: NEVER,
    refuse: ['dockerode', 'docker-modem', 'dbus-next', 'execa', 'commander'],
  },
  // Its start is a part of what it measures.
  {
    name: 'stun-probe',
    entry: 'src/netmaker/stun/probe.ts',
    limitKiB: 24,
    stubs: NEVER,
    refuse: [...HEAVY, 'zod'],
  },
  {
    name: 'proxmox-hook',
    entry: 'hooks/proxmox/hook.ts',
    limitKiB: 192,
    stubs: NEVER,
    refuse: HEAVY,
    light: true,
  },
  {
    name: 'lxc-hook',
    entry: 'hooks/lxc/hook.ts',
    limitKiB: 192,
    stubs: NEVER,
    refuse: HEAVY,
    light: true,
  },
];

/** What Node 18.19 lacks. The type checker cannot see it, since @types/node describes the Node of the developers. */
const TOO_NEW =
  /\b(?:AbortSignal\.any|Promise\.(?:withResolvers|try)|Object\.groupBy|Map\.groupBy|Array\.fromAsync|crypto\.hash|styleText|getBuiltinModule|import\.meta\.(?:dirname|filename)|WebSocket)\b|\.(?:toSorted|toReversed|toSpliced|isWellFormed|toWellFormed|isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference)\(|['"]node:sqlite['"]/;

/**
 * A module whose every property can be read, called and constructed, and that throws only when a made object is used:
 * dockerode reads `require('ssh2').Client` at load.
 */
const stubSource = (name) =>
  ABSENT.includes(name)
    ? `throw new Error('${name} is not used')`
    : `const gone = () => { throw new Error(${JSON.stringify(`${name} is not part of ovs-port-agent`)}) };
       const made = new Proxy({}, { get: () => gone });
       module.exports = new Proxy({}, { get: (_, key) => key === '__esModule' ? undefined : function () { return new.target ? made : gone() } });`;

/** What dbus-next loads at its start, and needs little or nothing of: time for a hook, memory for the agent. */
const LIGHT = {
  assert: `const check = (fine, text) => { if (!fine) throw new Error(text); };
           module.exports = Object.assign(check, { strictEqual: (one, other, text) => check(one === other, text) });`,
};

const lightPlugin = {
  name: 'light',
  setup(pass) {
    const filter = new RegExp(`^(?:${Object.keys(LIGHT).join('|')})$`);
    pass.onResolve({ filter }, ({ path }) => ({ path, namespace: 'light' }));
    pass.onLoad({ filter: /.*/, namespace: 'light' }, ({ path }) => ({
      contents: LIGHT[path],
      loader: 'js',
    }));
  },
};

const stubPlugin = (names) => ({
  name: 'stub',
  setup(pass) {
    const filter = new RegExp(`^(?:${names.map((name) => name.replace(/[/.]/g, '\\$&')).join('|')})$`);
    pass.onResolve({ filter }, ({ path }) => ({ path, namespace: 'stub' }));
    pass.onLoad({ filter: /.*/, namespace: 'stub' }, ({ path }) => ({
      contents: stubSource(path),
      loader: 'js',
    }));
  },
});

/** zod's messages in all languages would be a fifth of every bundle; ours are English, which zod imports by itself. */
const englishOnly = {
  name: 'english-only',
  setup(pass) {
    pass.onLoad({ filter: /node_modules\/zod\/v4\/locales\/index\.c?js$/ }, () => ({
      contents: 'export {}',
      loader: 'js',
    }));
  },
};

/**
 * `import { z } from 'zod'` asks for one object with all of zod in it, of which nothing can be left out. The same names as a
 * namespace let the bundler drop what nobody reads: a tenth of the agent, which it would hold in memory.
 */
const zodInParts = {
  name: 'zod-in-parts',
  setup(pass) {
    pass.onLoad({ filter: /\/(?:src|hooks)\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^import \{ z \} from 'zod'/m, "import * as z from 'zod'"),
      loader: 'ts',
    }));
  },
};

const options = (root, bundle) => ({
  absWorkingDir: root,
  entryPoints: [bundle.entry],
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node18.19',
  // Identifiers keep their names: a stack trace in a bug report must be readable.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none', // their licences are in third-party.txt instead, see below
  define: { 'import.meta.url': 'importMetaUrl', __VERSION__: JSON.stringify(VERSION) }, // execa is an ES module that asks where it is
  banner: { js: `"use strict";const importMetaUrl=require("node:url").pathToFileURL(__filename).href;` },
  nodePaths: [join(HERE, 'node_modules')],
  plugins: [stubPlugin(bundle.stubs), englishOnly, zodInParts, ...(bundle.light ? [lightPlugin] : [])],
  metafile: true,
  write: false,
  logLevel: 'warning',
});

/** Every reason why this bundle must not be shipped. */
function faults(root, bundle, text, metafile, outputName) {
  const found = [];
  const kib = Buffer.byteLength(text) / 1024;
  if (kib > bundle.limitKiB) found.push(`is ${kib.toFixed(0)} KiB, the limit is ${bundle.limitKiB} KiB`);
  for (const { path, external } of metafile.outputs[outputName].imports)
    if (external && !isBuiltin(path)) found.push(`requires "${path}", which is not part of Node`);
  if (/\brequire\((?!["'`])/.test(text)) found.push('contains a require of something computed');
  for (const leak of [root, HERE]) if (text.includes(leak)) found.push(`contains the source path ${leak}`);
  const folder = /[^"'`\n]*node_modules\/[@\w][^"'`\n]*/.exec(text);
  if (folder) found.push(`contains the source path ${folder[0]}`);
  const packages = bundledPackages(metafile);
  for (const name of bundle.refuse)
    if (packages.includes(name)) found.push(`contains ${name}, too heavy for a hook`);
  for (const name of REFUSED)
    if (packages.includes(name)) found.push(`contains ${name}, which must not be shipped`);
  for (const input of Object.keys(metafile.inputs)) {
    if (input.includes('node_modules/') || !/\.[cm]?[jt]s$/.test(input) || input.includes(':')) continue;
    readFileSync(join(root, input), 'utf8')
      .split('\n')
      .forEach((line, at) => {
        const hit = /^\s*(?:\/\/|\*|\/\*)/.test(line) ? null : TOO_NEW.exec(line);
        if (hit) found.push(`uses ${hit[0]} in ${input}:${at + 1}, which Node 18.19 does not have`);
      });
  }
  return found;
}

async function bundleOne(root, out, bundle) {
  if (!existsSync(join(root, bundle.entry)))
    throw new Error(`${bundle.name}: entry ${bundle.entry} is missing`);
  const { outputFiles, metafile } = await build(options(root, bundle));
  // esbuild names each CommonJS module by its path: keep the part that tells which package it is, drop where it was built.
  const unnamed = outputFiles[0].text.replace(/"[^"\n]*?node_modules\/([^"\n]+)"(?=\()/g, '"$1"');
  // Lines of a bearable length, since Node prints the line of a fatal error. Only now: where lines break must not depend on those paths.
  const { code: text } = await transform(unnamed, {
    minifyWhitespace: true,
    lineLimit: 160,
    target: 'node18.19',
  });
  const found = faults(root, bundle, unnamed, metafile, Object.keys(metafile.outputs)[0]);
  if (found.length > 0) throw new Error(found.map((fault) => `${bundle.name}.cjs ${fault}`).join('\n'));
  writeFileSync(join(out, `${bundle.name}.cjs`), text);
  const kib = (Buffer.byteLength(text) / 1024).toFixed(0).padStart(5);
  process.stdout.write(
    `build: ${bundle.name.padEnd(13)}${kib} KiB, limit ${bundle.limitKiB}, ${bundledPackages(metafile).length} npm packages\n`,
  );
  return metafile;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: HERE },
    out: { type: 'string', default: join(HERE, 'dist/lib') },
  },
});
const root = resolve(values.root);
const out = resolve(values.out);
const wanted = BUNDLES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (positionals.length === 0) rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const results = await Promise.allSettled(wanted.map((bundle) => bundleOne(root, out, bundle)));
const failures = results.filter(({ status }) => status === 'rejected');
for (const { reason } of failures) process.stderr.write(`build: ${reason.message}\n`);
if (failures.length === 0) {
  const notice = thirdPartyNotice(
    root,
    results.map(({ value }) => value),
  );
  writeFileSync(join(out, 'third-party.txt'), notice);
}
process.exitCode = failures.length > 0 ? 1 : 0;
