// Opens a socket to a message bus and logs in there (D-Bus specification, "Authentication Protocol").

import { connect, type Socket } from 'node:net';
import { withDeadline } from '../lib/deadline.ts';

const STANDARD = 'unix:path=/var/run/dbus/system_bus_socket';
/** A bus answers with one short line. */
const LINE_MAX = 4096;

/** The path of the first Unix socket that a D-Bus address names. Throws when it names none. */
export function socketPath(address: string): string {
  for (const entry of address.split(';')) {
    const [transport, rest = ''] = entry.split(/:(.*)/s);
    if (transport !== 'unix') continue;
    const keys = new Map(rest.split(',').map((pair) => pair.split(/=(.*)/s) as [string, string]));
    const path = keys.get('path') ?? (keys.has('abstract') ? `\0${keys.get('abstract')}` : undefined);
    if (path !== undefined) return decodeURIComponent(path);
  }
  throw new Error(`the bus address ${address} names no Unix socket`);
}

/** The socket of the system bus: `DBUS_SYSTEM_BUS_ADDRESS`, else the standard one. Throws when it names none. */
export function systemBusPath(): string {
  return socketPath(process.env.DBUS_SYSTEM_BUS_ADDRESS || STANDARD);
}

/**
 * Logs in at a socket that speaks D-Bus as the user that we are; descriptors are not asked for, so the bus keeps messages
 * with some away. Resolves with the socket, paused, and what came behind the log-in. Throws what went wrong.
 */
export async function openBusSocket(path: string, deadlineMs: number): Promise<Socket> {
  const socket = connect(path);
  try {
    const user = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${user}\r\n`);
    const line = await withDeadline(deadlineMs, 'logging in to the system bus', () => firstLine(socket));
    if (!line.startsWith('OK ')) throw new Error(`the bus refused the log-in: ${line}`);
    socket.write('BEGIN\r\n');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The bus says no more until it hears BEGIN. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const onData = (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (!received.endsWith('\r\n') && received.length < LINE_MAX) return;
      socket.off('data', onData);
      socket.pause();
      resolve(received.trim());
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the bus closed the connection')));
  });
}
