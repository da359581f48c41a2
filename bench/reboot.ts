// A reboot of a whole host like Proxmox 9, with guests set to start: how long after its start each has its port.

import type { Host } from '../test/lab/host.ts';
import { type HostOptions, withHost } from './hosts.ts';
import { type Row, row } from './row.ts';
import { single } from './series.ts';

const GUESTS = 50;
const FIRST = 200;
const WITHIN_MS = 10_000;
const SIGHTINGS = '/var/tmp/sightings';
const LEDGER = '/var/lib/ovs-port-agent/ledger.jsonl';
/** Long enough for a machine with other work on it; what is measured is each guest by itself. */
const ALL_UP_S = 600;

const WATCH_UNIT = `[Unit]
Description=Bench referee
After=ovsdb-server.service
Before=pve-guests.service ovs-port-agent.service
[Service]
ExecStart=/usr/bin/node /src/dist/bench/inside.cjs boot-watch ${SIGHTINGS}
[Install]
WantedBy=multi-user.target
`;

export async function measureReboot(options: HostOptions): Promise<{ rows: Row[]; versions: string }> {
  const { say } = options;
  return withHost('trixie', options, async (host) => {
    await host.exec(['sh', '-c', 'cat >/etc/systemd/system/bench-watch.service'], { input: WATCH_UNIT });
    const last = FIRST + GUESTS - 1;
    say(`${GUESTS} containers`);
    await host.sh(`
      for vmid in $(seq ${FIRST} ${last}); do
        pct create $vmid --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.$((vmid - ${FIRST} + 10))/24 --onboot 1 \
          --hookscript local:snippets/ovs-port-agent
      done
      systemctl enable --quiet bench-watch.service
      pve-init --boot-services --parallel 1`);
    say('rebooting');
    await host.reboot();
    say('waiting for the guests');
    await host.sh(
      `timeout ${ALL_UP_S} sh -c 'until systemctl is-active --quiet pve-guests.service; do sleep 1; done'`,
    );
    await host.sh(`
      timeout ${WITHIN_MS / 1000} sh -c 'until [ $(grep -c ^usable ${SIGHTINGS}) -ge ${GUESTS} ]; do sleep 0.2; done'`);
    await checkPorts(host);
    await host.sh('ovs-port-agent ledger verify');
    return rowsOf(await timesOf(host));
  });
}

/** Milliseconds from each guest's start until its card was plugged, and until its port was usable. */
async function timesOf(host: Host): Promise<{ plugged: number[]; usable: number[] }> {
  const starts = new Map(
    (await startsOf(host)).map(({ timestamp, data }) => [data.vmid, Date.parse(timestamp)]),
  );
  const times = { plugged: [] as number[], usable: [] as number[] };
  for (const line of (await host.sh(`cat ${SIGHTINGS}`)).split('\n')) {
    const [what, vmid, at] = line.split(' ');
    const start = starts.get(Number(vmid));
    if (start === undefined) throw new Error(`${vmid} was not told to the agent before it started`);
    times[what === 'usable' ? 'usable' : 'plugged'].push(Number(at) - start);
  }
  return times;
}

interface StartBlock {
  timestamp: string;
  action: string;
  boot_id: string;
  data: { vmid: number };
}

/** What Proxmox's own pre-start hook told since this boot; it is there before anything of the guest is. */
async function startsOf(host: Host): Promise<StartBlock[]> {
  const bootId = (await host.sh('cat /proc/sys/kernel/random/boot_id')).trim();
  const blocks = (await host.sh(`cat ${LEDGER}`))
    .split('\n')
    .map((line) => (JSON.parse(line) as { block: StartBlock }).block);
  return blocks.filter(({ action, boot_id }) => action === 'guest_pre_start' && boot_id === bootId);
}

async function checkPorts(host: Host): Promise<void> {
  const ports = (await host.sh('ovs-vsctl list-ports ovsbr0')).split('\n').filter((name) => name !== '');
  const wanted = Array.from({ length: GUESTS }, (_, index) => `vi${FIRST + index}`);
  const odd = [
    ...wanted.filter((name) => !ports.includes(name)),
    ...ports.filter((name) => !wanted.includes(name)),
  ];
  if (odd.length > 0)
    throw new Error(`after the reboot these ports are missing or too many: ${odd.join(' ')}`);
}

function rowsOf({ plugged, usable }: { plugged: number[]; usable: number[] }): Row[] {
  const what = (part: string) => `reboot with ${GUESTS} guests: start to usable port, ${part}`;
  const slowest = Math.max(...usable);
  return [
    row(what('each'), 'ms', usable, { name: 'until Proxmox has plugged it', values: plugged }),
    {
      what: what('the slowest'),
      unit: 'ms',
      ours: single(slowest, GUESTS),
      peer: { name: 'allowed', ...single(WITHIN_MS, GUESTS) },
      ratio: slowest / WITHIN_MS,
      limit: '<= 1',
    },
  ];
}
