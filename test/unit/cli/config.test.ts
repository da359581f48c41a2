// The verbs about the configuration, and what the others say when it is why the agent is missed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOfHost } from '../../../src/cli/config-of-host.ts';
import { BusError } from '../../../src/core/bus/bus.ts';
import { noteConfigInForce, noteStartError } from '../../../src/core/config/in-force.ts';
import { parseConfig } from '../../../src/core/config/parse-config.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { cli, fakeTerminal } from './fake.ts';

let folder: string;
let good: string;
let bad: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ovs-port-agent-config-'));
  good = join(folder, 'good.toml');
  bad = join(folder, 'bad.toml');
  await writeFile(good, 'strict = true\nbridge_name = "vmbr0"\nenable_rename = false\n');
  await writeFile(bad, 'strickt = true\n[docker]\nattach = "most"\n[ledger]\npath = "/srv/l.jsonl"\n');
});
afterAll(() => rm(folder, { recursive: true }));

describe('config check', () => {
  it('says of a good file that it is good, and ends with 0', async () => {
    const { code, out } = await cli(['config', 'check', good]);
    expect([code, out.at(-1)]).toEqual([0, `${good} is valid`]);
    expect(out[0]).toContain('enable_rename has no effect');
  });

  it("checks the host's own file without an argument; none means the defaults", async () => {
    expect((await cli(['config', 'check'], { configPath: good })).code).toBe(0);
    expect(await cli(['config', 'check'])).toMatchObject({
      code: 0,
      out: ['/nowhere/config.toml is absent: the defaults are in force'],
    });
  });

  it('names every fault on a line of its own, and ends with 2', async () => {
    const { code, out } = await cli(['config', 'check', bad]);
    expect(code).toBe(2);
    expect(out).toEqual([
      `${bad}: docker.attach: must be one of "netmaker", "labelled", "all"`,
      `${bad}: strickt: unknown key; did you mean "strict"?`,
    ]);
    const { problems } = JSON.parse((await cli(['config', 'check', bad, '--json'])).out.join('\n'));
    expect(problems).toHaveLength(2);
  });

  it('does not take a file that is not there for a good one', async () => {
    const { code, out } = await cli(['config', 'check', join(folder, 'none.toml')]);
    expect([code, out]).toEqual([2, [`${join(folder, 'none.toml')}: there is no such file`]]);
  });
});

describe('config show', () => {
  it('shows what the file sets, with where it comes from', async () => {
    const { code, out } = await cli(['config', 'show', good, '--changed']);
    expect(code).toBe(0);
    expect(out).toEqual([
      'KEY             FROM                  VALUE',
      'strict          file                  true',
      'default_bridge  file, as bridge_name  "vmbr0"',
    ]);
  });

  it('shows every key for programs', async () => {
    const keys = JSON.parse((await cli(['config', 'show', good, '--json'])).out.join('\n'));
    expect(keys).toContainEqual({ key: 'hook_deadline', value: 10, from: 'default' });
  });
});

describe('config reload', () => {
  it('says what is in force and what waits for a restart', async () => {
    const Reload = JSON.stringify({
      taken: [{ key: 'strict', from: false, to: true }],
      restart: [{ key: 'driver', from: 'auto', to: 'ovsdb' }],
      warnings: [],
    });
    const { code, out } = await cli(['config', 'reload'], { agent: { Reload } });
    expect([code, out]).toEqual([
      0,
      ['taken over: strict: false -> true', 'waits for a restart: driver: "auto" -> "ovsdb"'],
    ]);
  });

  it('ends with 2 when the agent refused the file', async () => {
    const cause = new BusError(
      'dev.ovs.PortAgent1.Error.BadConfig',
      'config.toml: line 3: no [bad-config] …',
    );
    const Reload = new AgentError('bus-call-failed', 'failed', { cause });
    expect(await cli(['config', 'reload'], { agent: { Reload } })).toMatchObject({
      code: 2,
      err: ['config.toml: line 3: no [bad-config] …'],
    });
  });
});

describe('a configuration with an error', () => {
  it('is named by whoever misses the agent', async () => {
    const cause = new BusError('org.freedesktop.DBus.Error.NameHasNoOwner', 'no owner');
    const agent = { DescribeGuests: new AgentError('bus-call-failed', 'failed', { cause }) };
    const { code, err } = await cli(['list'], { agent, configProblem: 'config.toml: line 3, column 1: odd' });
    expect(code).toBe(3);
    expect(err).toEqual([
      'The agent does not run: the configuration has an error: config.toml: line 3, column 1: odd. See: ovs-port-agent config check',
    ]);
  });

  it('is not the only reason: whatever ended the last start is named, until a start succeeds', async () => {
    const cause = new BusError('org.freedesktop.DBus.Error.NameHasNoOwner', 'no owner');
    const agent = { DescribeGuests: new AgentError('bus-call-failed', 'failed', { cause }) };
    await noteStartError(folder, 'The ledger cannot be opened [ledger-write-failed] Check the disk');
    const { code, err } = await cli(['list'], { agent, runtimeDir: folder });
    expect(code).toBe(3);
    expect(err).toEqual([
      'The agent does not run, its last start failed: The ledger cannot be opened [ledger-write-failed] Check the disk',
    ]);
    await noteConfigInForce(folder, parseConfig('', 'config.toml').config);
    expect((await cli(['list'], { agent, runtimeDir: folder })).err[0]).not.toContain('last start');
    await rm(join(folder, 'config.json'));
  });

  it('keeps nobody from reading: what was in force comes first, then what is right of the file', async () => {
    const err: string[] = [];
    const host = configOfHost(bad, folder, fakeTerminal([], err));
    await expect(host.config()).rejects.toThrow(/strickt/);
    expect((await host.readConfig()).ledger.path).toBe('/srv/l.jsonl');
    expect(err).toHaveLength(1);
    expect(err[0]).toMatch(/^The configuration has an error: .*strickt.*ovs-port-agent config check$/);
    const { config } = parseConfig('[ledger]\npath = "/before.jsonl"', 'config.toml');
    await noteConfigInForce(folder, config);
    expect((await host.readConfig()).ledger.path).toBe('/before.jsonl');
  });
});
