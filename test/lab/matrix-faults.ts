// Makes a daemon fail in a host, and brings it back.
import type { AgentHost } from './agent-host.ts';
import { STATE } from './agent-host.ts';
import type { Cell, Victim } from './matrix-cells.ts';

/** Shell that prints the process to hit, and the unit that runs it. */
const DAEMONS: Readonly<Partial<Record<Victim, { unit: string; pid: string }>>> = {
  agent: main('ovs-port-agent'),
  NetworkManager: main('NetworkManager'),
  'ovsdb-server': { unit: 'ovsdb-server', pid: 'cat /run/openvswitch/ovsdb-server.pid' },
  'ovs-vswitchd': { unit: 'ovs-vswitchd', pid: 'cat /run/openvswitch/ovs-vswitchd.pid' },
  dockerd: main('docker'),
  'dbus-daemon': main('dbus'),
};

function main(unit: string): { unit: string; pid: string } {
  return { unit, pid: `systemctl show -P MainPID ${unit}` };
}

/** Sockets that a proxy can stand before, each answer of which then comes late. */
const SOCKETS: Readonly<Partial<Record<Victim, string>>> = {
  'slow OVSDB': '/run/openvswitch/db.sock',
  'slow Docker': '/run/docker.sock',
};
const LATE_MS = 5_000;

export interface Injected {
  /** Ends what does not end by itself, and starts what systemd does not start. Gives back when the last came back. */
  mend(): Promise<void>;
}

/** Lets it happen now; `freezeMs`: how long something stands still. */
export async function inject(host: AgentHost, cell: Cell, freezeMs: number): Promise<Injected> {
  const { victim, fault } = cell;
  if (victim === 'hook') return hitHooks(host, fault === 'kill' ? 'KILL' : 'STOP', freezeMs);
  if (victim === 'disk') return fillDisk(host, freezeMs);
  const socket = SOCKETS[victim];
  if (socket !== undefined) return slowDown(host, socket, freezeMs);
  const daemon = DAEMONS[victim];
  if (daemon === undefined) throw new Error(`no way to hit ${victim}`);
  const { unit, pid } = daemon;
  const back = () => startAgain(host, unit);
  if (fault === 'restart') {
    await host.sh(`systemctl restart ${unit}`, { timeout: 90_000 });
    return { mend: back };
  }
  const hit = await host.sh(pid);
  if (fault === 'kill') {
    await host.sh(`kill -KILL ${hit}`);
    return { mend: back };
  }
  await host.sh(`kill -STOP ${hit}`);
  const thaw = pause(freezeMs).then(() => host.sh(`kill -CONT ${hit} 2>/dev/null || true`));
  return {
    async mend() {
      await thaw;
      await back();
    },
  };
}

/** What a bus takes along when it goes comes back with it: systemd starts only some of that by itself. */
async function startAgain(host: AgentHost, unit: string): Promise<void> {
  const takenAlong =
    unit === 'dbus' ? 'systemctl is-enabled -q NetworkManager 2>/dev/null && echo NetworkManager' : '';
  await host.sh(
    `
    for i in $(seq 300); do busctl --timeout=2 list >/dev/null 2>&1 && break; sleep 0.1; done
    # Nobody kills Docker as often as this table does.
    [ ${unit} != docker ] || { systemctl reset-failed docker.socket docker.service; systemctl start docker.socket; }
    # systemd itself speaks over the bus that has just come back: what it could not be told is told once more.
    for unit in ${unit} $(${takenAlong || ':'}); do
      for i in $(seq 100); do ! systemctl is-active -q $unit || break; systemctl start $unit || sleep 0.2; done
      systemctl is-active -q $unit
    done`,
    { timeout: 90_000 },
  );
}

/** Hits every hook that starts until `mend`, one that Node runs as well as one that Perl runs. */
async function hitHooks(host: AgentHost, signal: 'KILL' | 'STOP', freezeMs: number): Promise<Injected> {
  const unit = 'matrix-hooks';
  await host.sh(`
    systemd-run --quiet --collect --unit=${unit} bash -c '
      while :; do pkill -${signal} -f "^/usr/bin/(perl|node) /usr/lib/ovs-port-agent/(hook.pl|[a-z]+-hook.cjs)"; sleep 0.002; done'`);
  const thawed = pause(freezeMs);
  return {
    async mend() {
      if (signal === 'STOP') await thawed;
      await host.sh(`systemctl stop ${unit}; pkill -CONT -f /usr/lib/ovs-port-agent/ || true`);
    },
  };
}

async function fillDisk(host: AgentHost, freezeMs: number): Promise<Injected> {
  await host.sh(`dd if=/dev/zero of=${STATE}/filler bs=4k 2>/dev/null || true`);
  const over = pause(freezeMs);
  return {
    async mend() {
      await over;
      await host.sh(`rm -f ${STATE}/filler`);
    },
  };
}

/** The state directory on a small file system of its own, for the cells that fill it. */
export async function ownDisk(host: AgentHost): Promise<void> {
  await host.sh(`
    systemctl stop ovs-port-agent
    cp -a ${STATE} /root/state
    mount -t tmpfs -o size=16m,mode=711 tmpfs ${STATE}
    cp -a /root/state/. ${STATE}
    systemctl start ovs-port-agent`);
}

const PROXY = `
const net = require("node:net");
const [, , listen, target, late] = process.argv;
net.createServer((client) => {
  const server = net.connect(target);
  client.pipe(server);
  server.on("data", (chunk) => setTimeout(() => client.write(chunk), Number(late)));
  const end = () => { client.destroy(); server.destroy(); };
  for (const side of [client, server]) side.on("close", () => setTimeout(end, Number(late))).on("error", end);
}).listen(listen);
`;

/**
 * Clients that connect from now on get late answers; the agent does so at once. There is a socket all the while: slow is not
 * away.
 */
async function slowDown(host: AgentHost, socket: string, freezeMs: number): Promise<Injected> {
  const unit = 'matrix-proxy';
  await host.exec(['sh', '-c', 'cat >/tmp/proxy.cjs'], { input: PROXY });
  await host.sh(`
    ln ${socket} ${socket}.real
    systemd-run --quiet --collect --unit=${unit} node /tmp/proxy.cjs ${socket}.late ${socket}.real ${LATE_MS}
    until [ -S ${socket}.late ]; do sleep 0.02; done
    mv ${socket}.late ${socket}
    systemctl restart --no-block ovs-port-agent`);
  const over = pause(freezeMs);
  return {
    async mend() {
      await over;
      await host.sh(`mv -f ${socket}.real ${socket}; systemctl stop ${unit}`);
    },
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
