// Runs the stages of `make test` one after another and adds up what passed and failed; full output is in dist/test-logs.
//
//   scripts/test [STAGE…]      only these stages, e.g. `scripts/test lint unit`

import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';

const LOGS = 'dist/test-logs';
const began = Date.now();
const say = (text) =>
  process.stdout.write(`test: [${String(Math.round((Date.now() - began) / 1000)).padStart(3)}s] ${text}\n`);

/** Runs a command with its output in a log. `onLine` sees each line of stdout. Resolves to the exit code. */
function run(stage, [command, ...args], { env = {}, onLine } = {}) {
  return new Promise((done) => {
    const log = createWriteStream(`${LOGS}/${stage}.log`, { flags: 'a' });
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    child.stdout.on('data', (chunk) => {
      log.write(chunk);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) onLine?.(line);
    });
    child.stderr.on('data', (chunk) => log.write(chunk));
    child.on('error', (error) => log.end(`${error}\n`, () => done(127)));
    child.on('close', (code) => log.end(() => done(code ?? 1)));
  });
}

/** A stage that is one test: a command that must succeed. */
const single = (name, command) => ({
  name,
  async run() {
    const code = await run(name, command);
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? [] : [`exit code ${code}`], skipped: 0 };
  },
});

/** What the coverage stage runs is not run a second time by the others. */
const covered = readFileSync('scripts/covered-tests', 'utf8')
  .trim()
  .split('\n')
  .map((path) => `--exclude=${path}${path.endsWith('.ts') ? '' : '/**/!(*crash*).test.ts'}`);

/** A stage of vitest: scripts/vitest-progress.mjs reports one JSON line per test file. */
const vitest = (name, command) => ({
  name,
  async run() {
    const sum = { passed: 0, failed: [], skipped: 0 };
    const reporter = ['--reporter=default', '--reporter=./scripts/vitest-progress.mjs'];
    const code = await run(name, [...command, ...reporter], {
      env: { NO_COLOR: '1' },
      onLine(line) {
        if (!line.startsWith('@progress ')) return;
        const file = JSON.parse(line.slice('@progress '.length));
        sum.passed += file.passed;
        sum.skipped += file.skipped;
        sum.failed.push(...file.failed);
        say(
          `  ${file.failed.length === 0 ? 'ok  ' : 'FAIL'} ${file.path}: ${file.passed} passed, ${file.seconds} s`,
        );
      },
    });
    if (code !== 0 && sum.failed.length === 0)
      sum.failed.push(`vitest ended with ${code} though no test failed`);
    return sum;
  },
});

/** The same commit must give the same bytes, wherever and however often it is built. */
const reproducible = {
  name: 'reproducible',
  async run() {
    const again = 'dist/again';
    const code = await run('reproducible', ['scripts/deb'], { env: { OUT: again } });
    const [name] = existsSync(again) ? readdirSync(again) : [];
    const same = code === 0 && readFileSync(`${again}/${name}`).equals(readFileSync(`dist/${name}`));
    rmSync(again, { recursive: true, force: true });
    return { passed: same ? 1 : 0, failed: same ? [] : ['a second build gave other bytes'], skipped: 0 };
  },
};

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const deb = `dist/ovs-port-agent_${version}_all.deb`;
const lintian = ['lintian', '--allow-root', '--fail-on', 'error,warning', '--tag-display-limit', '0', deb];
const stages = [
  single('lint', ['biome', 'ci', '--colors=off', '--error-on-warnings', '.']),
  single('types', ['tsc', '--noEmit']),
  single('arrows', ['depcruise', 'src', 'hooks', '--config', '.dependency-cruiser.mjs']),
  vitest('unit', ['vitest', 'run', '--project', 'unit', ...covered]),
  vitest('integration', ['scripts/own-network', 'vitest', 'run', '--project', 'integration', ...covered]),
  vitest('coverage', ['scripts/coverage']),
  single('deb', ['scripts/deb']),
  reproducible,
  single('lintian', lintian),
  vitest('lab', ['vitest', 'run', '--project', 'lab']),
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !stages.some((stage) => stage.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `test: no stage ${unknown.join(', ')}; there are ${stages.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}

const chosen = stages.filter(({ name }) => wanted.length === 0 || wanted.includes(name));

rmSync(LOGS, { recursive: true, force: true });
mkdirSync(LOGS, { recursive: true });
// The roots of the test hosts come mostly from the network: get them while other stages use the processor.
if (chosen.some(({ name }) => name === 'lab')) {
  const suites = readdirSync('test/lab/suites').sort((a) => (a === 'forky' ? -1 : 1));
  const build = async () => {
    for (const suite of suites) await run('lab-roots', ['test/lab/lab', 'build', suite]);
  };
  void build();
}
let passed = 0;
let failed = 0;
for (const stage of chosen) {
  say(stage.name);
  const sum = await stage.run();
  passed += sum.passed;
  failed += sum.failed.length;
  for (const failure of sum.failed) say(`  FAIL ${stage.name}: ${failure}`);
  if (sum.failed.length > 0) say(`  see ${LOGS}/${stage.name}.log`);
  if (sum.skipped > 0) say(`  ${sum.skipped} skipped`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
