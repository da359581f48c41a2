// A message bus of the test's own, and strangers on it: another user who sends raw bytes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { rawMessage } from './raw-message.ts';

export interface PrivateBus {
  address: string;
  /** Another user connects, "nobody" by default; each message is sent as it is. */
  stranger(uid?: number): Promise<Stranger>;
  /** Ends the bus as `kill -9` does. */
  kill(): Promise<void>;
  end(): Promise<void>;
}

export interface Stranger {
  name: string;
  send(...messages: Buffer[]): Promise<void>;
  /** Everything that came so far, as it stands on the wire. */
  heard(): string;
  end(): void;
}

const NOBODY = 65534;
/** Everybody may do everything: nothing but the adapter itself stands between us and the others. */
const OPEN = `<allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  <allow receive_sender="*"/><allow send_type="signal"/><allow receive_type="signal"/><allow send_type="method_return" send_requested_reply="false"/>
  <allow receive_type="method_return" receive_requested_reply="false"/>
  <allow send_type="error" send_requested_reply="false"/><allow receive_type="error" receive_requested_reply="false"/>`;

/** @param policies elements of the bus's configuration; by default all is allowed */
export async function startBus(policies = `<policy context="default">${OPEN}</policy>`): Promise<PrivateBus> {
  const directory = await mkdtemp(join(tmpdir(), 'opa-bus-'));
  await chmod(directory, 0o755);
  const path = join(directory, 'socket');
  const config = join(directory, 'bus.conf');
  await writeFile(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${path}</listen><auth>EXTERNAL</auth>${policies}</busconfig>`,
  );
  const daemon = spawn(
    'dbus-daemon',
    ['--config-file', config, '--nofork', '--nopidfile', '--print-address'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  await once(daemon.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  await chmod(path, 0o777);
  const strangers = new Set<Stranger>();
  const kill = async () => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  };
  return {
    address: `unix:path=${path}`,
    async stranger(uid = NOBODY) {
      const one = await connectStranger(path, uid);
      strangers.add(one);
      return one;
    },
    kill,
    async end() {
      for (const one of strangers) one.end();
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Runs as another user: reads messages in base64, one a line, and prints in base64 what comes. */
const PROGRAM = `
const socket = require('node:net').connect(process.argv[1]);
const uid = Buffer.from(String(process.getuid())).toString('hex');
const hello = Buffer.from(process.argv[2], 'base64');
socket.write('\\0AUTH EXTERNAL ' + uid + '\\r\\n');
socket.once('data', () => {
  socket.on('data', (chunk) => console.log(chunk.toString('base64')));
  socket.write('BEGIN\\r\\n');
  socket.write(hello);
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) =>
    socket.write(Buffer.from(line, 'base64'), () => console.log('sent')));
});
socket.on('error', () => {});
socket.on('close', () => console.log('closed'));
process.stdin.on('end', () => process.exit());`;

async function connectStranger(path: string, uid: number): Promise<Stranger> {
  const daemon = 'org.freedesktop.DBus';
  const hello = rawMessage({ fields: { 1: '/org/freedesktop/DBus', 2: daemon, 3: 'Hello', 6: daemon } });
  const child = spawn(process.execPath, ['-e', PROGRAM, path, hello.toString('base64')], {
    uid,
    gid: uid,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const came: Buffer[] = [];
  let sent = 0;
  let isClosed = false;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (line === 'sent') sent++;
    else if (line === 'closed') isClosed = true;
    else came.push(Buffer.from(line, 'base64'));
  });
  while (came.length === 0) {
    if (isClosed) throw new Error('the bus refused the stranger');
    await once(lines, 'line');
  }
  const name = /:\d+\.\d+/.exec(Buffer.concat(came).toString('latin1'))?.[0] ?? '';
  return {
    name,
    async send(...messages) {
      const until = sent + messages.length;
      for (const message of messages) child.stdin.write(`${message.toString('base64')}\n`);
      while (sent < until && !isClosed) await once(lines, 'line');
    },
    heard: () => Buffer.concat(came).toString('latin1'),
    end: () => void child.stdin.end(),
  };
}
