// A NetworkManager that is away is told from one that hangs, and one that hangs is waited for once.

import { expect, it } from 'vitest';
import { type BusCall, BusError } from '../../../../src/core/bus/bus.ts';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import { isGone, openAnswering } from '../../../../src/core/networkmanager/answering.ts';
import { GONE_ERRORS } from '../../../../src/core/networkmanager/names.ts';

const ASK = { path: '/', interface: 'x', member: 'Ask' };

/** A bus on which each call stays open until the test settles it. */
function openCalls() {
  const open: { call: BusCall; answer: () => void; fail: (error: Error) => void }[] = [];
  const changes: boolean[] = [];
  const call = (request: BusCall) =>
    new Promise<unknown[]>((resolve, reject) => {
      open.push({ call: request, answer: () => resolve([]), fail: reject });
    });
  return { open, changes, answering: openAnswering({ call }, (silent) => changes.push(silent)) };
}

const refused = (type: string) =>
  new AgentError('bus-call-failed', 'x failed', { cause: new BusError(type, 'no') });
const overrun = () => new AgentError('deadline-exceeded', 'x took longer than 5000 ms');
const unavailable = { code: 'networkmanager-unavailable' };

it.each(GONE_ERRORS)('%s means that it is not there', async (type) => {
  const { open, changes, answering } = openCalls();
  const asked = answering.call(ASK);
  open[0]?.fail(refused(type));
  const error = await asked.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ ...unavailable, message: 'NetworkManager is not running' });
  expect(isGone(error)).toBe(true);
  expect(changes).toEqual([]);
});

it('another error is what NetworkManager said', async () => {
  const { open, answering } = openCalls();
  const asked = answering.call(ASK);
  open[0]?.fail(refused('org.freedesktop.DBus.Error.AccessDenied'));
  await expect(asked).rejects.toMatchObject({ code: 'bus-call-failed' });
});

it('after one deadline each call fails at once, until it answers a ping', async () => {
  const { open, changes, answering } = openCalls();
  const asked = answering.call(ASK);
  open[0]?.fail(overrun());
  const error = await asked.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ ...unavailable, message: 'NetworkManager does not answer' });
  expect(isGone(error)).toBe(false);
  await expect(answering.call(ASK)).rejects.toMatchObject(unavailable);
  expect(open.map(({ call }) => call.member)).toEqual(['Ask', 'Ping']);
  open[1]?.answer();
  await expect.poll(() => changes).toEqual([true, false]);
  void answering.call(ASK);
  expect(open).toHaveLength(3);
});

it('one that was started anew is asked at once, whatever the former leaves unanswered', async () => {
  const { open, changes, answering } = openCalls();
  const late = answering.call(ASK);
  const asked = answering.call(ASK);
  open[0]?.fail(overrun());
  await expect(late).rejects.toMatchObject(unavailable);
  answering.ownerChanged();
  open[1]?.fail(overrun());
  await expect(asked).rejects.toMatchObject(unavailable);
  expect(answering.silent).toBe(false);
  open[2]?.fail(refused('org.freedesktop.DBus.Error.NoReply'));
  void answering.call(ASK);
  expect(open.at(-1)?.call.member).toBe('Ask');
  expect(changes).toEqual([true]);
});
