import { describe, expect, it } from 'vitest';
import { CliError, failureOf } from '../../../src/cli/failure.ts';
import { BusError } from '../../../src/core/bus/bus.ts';
import { AgentError, ERRORS, type ErrorCode } from '../../../src/core/lib/errors.ts';

const busFailure = (type: string, text: string) =>
  failureOf(
    new AgentError('bus-call-failed', 'dev.ovs.PortAgent1.X failed', { cause: new BusError(type, text) }),
  );

describe('an error that the agent answers', () => {
  const text = 'There is no port vi1 of ours [port-unknown] List the ports with: ovs-port-agent list';

  it('is shown as the agent said it, with exit code 1', () => {
    expect(busFailure('dev.ovs.PortAgent1.Error.PortUnknown', text)).toEqual({ line: text, exitCode: 1 });
  });

  it('of bad arguments ends with exit code 2', () => {
    expect(busFailure('org.freedesktop.DBus.Error.InvalidArgs', 'vmid: no').exitCode).toBe(2);
    expect(busFailure('dev.ovs.PortAgent1.Error.BadArgument', 'no').exitCode).toBe(2);
  });

  it('about a daemon that is away ends with exit code 3', () => {
    expect(busFailure('dev.ovs.PortAgent1.Error.OvsdbUnreachable', 'no').exitCode).toBe(3);
    expect(busFailure('dev.ovs.PortAgent1.Error.NetworkmanagerUnavailable', 'no').exitCode).toBe(3);
  });

  it('of a code we do not know ends with exit code 1', () => {
    expect(busFailure('dev.ovs.PortAgent1.Error.FromTheFuture', 'no').exitCode).toBe(1);
  });

  it('cannot write to the terminal what is not text', () => {
    expect(busFailure('dev.ovs.PortAgent1.Error.PortUnknown', 'a\u001b[2Jb\nc').line).toBe('a\\x1b[2Jb c');
  });
});

describe('an agent that does not answer', () => {
  it.each([
    'org.freedesktop.DBus.Error.ServiceUnknown',
    'org.freedesktop.DBus.Error.NameHasNoOwner',
    'org.freedesktop.DBus.Error.NoReply',
    'org.freedesktop.DBus.Error.Spawn.ChildExited',
    'org.freedesktop.systemd1.NoSuchUnit',
  ])('is exit code 3 and how to start it: %s', (type) => {
    const { line, exitCode } = busFailure(type, 'The name is not activatable');
    expect(exitCode).toBe(3);
    expect(line).toContain('[agent-unreachable]');
    expect(line).toContain('systemctl restart ovs-port-agent.service');
  });

  it('is exit code 3 when there is no bus', () => {
    expect(failureOf(new AgentError('bus-unreachable', 'no bus')).exitCode).toBe(3);
  });

  it('is exit code 3 when time is up', () => {
    expect(failureOf(new AgentError('deadline-exceeded', 'late')).exitCode).toBe(3);
  });
});

describe('a user who is not root', () => {
  it('is told to be, when the bus refuses', () => {
    const { line, exitCode } = busFailure('org.freedesktop.DBus.Error.AccessDenied', 'Rejected send message');
    expect(exitCode).toBe(3);
    expect(line).toContain('Run this as root');
  });

  it('is told to be, when a file refuses', () => {
    const cause = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    const { line, exitCode } = failureOf(
      new AgentError('bad-argument', 'The ledger cannot be read', { cause }),
    );
    expect(exitCode).toBe(3);
    expect(line).toMatch(/^The ledger cannot be read \(EACCES.*Run this as root/);
  });
});

describe('root', () => {
  const cause = Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });

  it('is not told to become root, but what else to do', () => {
    const { line, exitCode } = failureOf(new AgentError('output-failed', '/sys/x is not', { cause }), true);
    expect([line, exitCode]).toEqual([
      `/sys/x is not (${cause.message}) [output-failed] ${ERRORS['output-failed'].remedy}`,
      1,
    ]);
  });
});

describe('a place that cannot be written', () => {
  it.each(['EISDIR', 'ENOTDIR', 'ENOENT', 'ENOSPC'])('has its code: %s', (code) => {
    const cause = Object.assign(new Error(code), { code, path: '/x' });
    const { line, exitCode } = failureOf(new AgentError('output-failed', '/x cannot be written', { cause }));
    expect(line).toContain(`(${code}) [output-failed] Name`);
    expect(exitCode).toBe(1);
  });
});

describe('exit codes', () => {
  it('are 2 for usage and configuration', () => {
    expect([ERRORS['bad-argument'].exitCode, ERRORS['bad-config'].exitCode]).toEqual([2, 2]);
  });

  it.each(Object.entries(ERRORS))('are those of the table: %s', (code, { exitCode }) => {
    const here = failureOf(new AgentError(code as ErrorCode, 'It failed'));
    const name = code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const answered = busFailure(`dev.ovs.PortAgent1.Error.${name}`, 'It failed');
    expect([here.exitCode, answered.exitCode]).toEqual([exitCode, exitCode]);
    expect(exitCode).toBeGreaterThan(0);
  });
});

describe('every error', () => {
  it.each([
    new AgentError('bad-config', 'a: wrong\nb: wrong'),
    new CliError('one\ntwo', 1),
    new Error('three\nfour'),
    'five\nsix',
    undefined,
  ])('is one line: %s', (thrown) => {
    expect(failureOf(thrown).line).toMatch(/^.+$/);
  });

  it('spares the user a schema', () => {
    const cause = Object.assign(new Error('[{ "code": "x" }]'), { issues: [] });
    expect(failureOf(new AgentError('ledger-broken', 'Not a block.', { cause })).line).not.toContain(
      '"code"',
    );
  });
});
