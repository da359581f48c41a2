// Proxmox VE: /etc/pve, the hookscript and its storage, and the guests that have it or have not.

import { isNicProblem } from '../../core/guest/nic.ts';
import { portName } from '../../core/guest/vmid.ts';
import { type Answer, answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf, listText } from '../../core/lib/finding.ts';
import { allowExec } from '../../core/lib/runnable.ts';
import type { Diagnosis } from '../diagnosis.ts';
import type { ProxmoxGuest } from './config/tree.ts';
import type { ProxmoxSection } from './config-section.ts';
import { isOurVolume } from './hookscript/volume.ts';
import { type ProxmoxFacts, SNIPPET_PATH } from './look.ts';
import { proxmoxRuns } from './runs.ts';

const { pass, warn, fail, skip } = findingsOf('Proxmox');

/** What it has to know of the host. */
export interface ProxmoxHost {
  inForce: { proxmox: ProxmoxSection; bridges: Readonly<Record<string, unknown>> };
  proxmox: ProxmoxFacts;
  agent: Answer<{ locksProblem?: string }>;
  ovsdb: Answer<{ bridges: readonly { name: string }[] }>;
  links: ReadonlyMap<string, unknown>;
}

export const proxmoxDiagnosis: Diagnosis<ProxmoxHost> = {
  // `explain` asks for the same, so it is among what is known of the host.
  look: async () => undefined,
  check: checkProxmox,
  runs: proxmoxRuns,
};

function checkProxmox(facts: ProxmoxHost): Finding[] {
  const { tree } = facts.proxmox;
  const { enabled, root } = facts.inForce.proxmox;
  if (enabled === false) return [skip('proxmox', 'left out by the configuration: [proxmox] enabled = false')];
  if (tree.state === 'absent') {
    if (enabled !== true) return [skip('proxmox', `not a Proxmox host: there is no ${root}`)];
    return [
      fail('proxmox', `there is no ${root}, and the configuration says enabled = true`, {
        remedy: 'Say enabled = "auto" in [proxmox]',
      }),
    ];
  }
  if (tree.state === 'unavailable') {
    return [
      fail('proxmox', `${root} cannot be read: ${tree.reason}`, {
        remedy: 'systemctl restart pve-cluster.service',
      }),
      snippet(facts),
    ];
  }
  const guests = [...tree.guests.values()].filter((guest) => !guest.config.template);
  return [
    pass('proxmox', `${root} is readable: ${tree.guests.size} guests on this node`),
    tree.vmlist.ok
      ? pass('vmlist', `.vmlist knows ${tree.vmlist.guests.size} guests of the cluster`)
      : warn('vmlist', tree.vmlist.problem, { remedy: 'systemctl restart pve-cluster.service' }),
    ...[...tree.unreadable].map(([vmid, reason]) =>
      fail(`guest ${vmid}`, `the configuration of guest ${vmid} cannot be read: ${reason}`, {
        code: 'bad-guest-config',
      }),
    ),
    snippet(facts),
    storage(facts),
    ...locks(facts),
    ...guests.flatMap((guest) => badLines(guest)),
    ...hookscripts(facts, guests),
    ...firewalled(facts, guests),
  ];
}

function snippet({ proxmox }: ProxmoxHost): Finding {
  const remedy = 'dpkg-reconfigure ovs-port-agent';
  switch (proxmox.snippet) {
    case 'fine':
      return pass('snippet', `${SNIPPET_PATH} is there and executable`);
    case 'missing':
      return fail('snippet', `${SNIPPET_PATH} is missing: guests that name it do not start`, { remedy });
    case 'not-executable':
      return fail('snippet', `${SNIPPET_PATH} is not executable: guests that name it do not start`, {
        remedy: `chmod 755 ${SNIPPET_PATH}`,
      });
    case 'noexec':
      return fail(
        'snippet',
        `${SNIPPET_PATH} is on a file system mounted noexec: guests that name it do not start`,
        { remedy: allowExec(SNIPPET_PATH) },
      );
  }
}

function storage({ proxmox }: ProxmoxHost): Finding {
  const answer = proxmox.storage;
  if (!answer.ok) return warn('storage', `storage.cfg cannot be read: ${answer.reason}`);
  const { offers, file } = answer.value;
  if (file !== SNIPPET_PATH) {
    return warn(
      'storage',
      `by its settings storage "local" looks for the hookscript at ${file ?? 'no place'}`,
      {
        remedy: 'Take content-dirs out of the storage "local", or copy the hookscript there',
      },
    );
  }
  if (!offers) {
    return warn('storage', 'storage "local" does not offer snippets: the web interface shows none', {
      remedy: 'Add Snippets to the content of the storage "local" (Datacenter, Storage)',
    });
  }
  return pass('storage', 'storage "local" offers snippets');
}

/** Ports keep Proxmox's names then, so nothing is in its way. */
function locks({ agent, inForce }: ProxmoxHost): Finding[] {
  const problem = answered(agent)?.locksProblem;
  if (!agent.ok || inForce.proxmox.port === 'keep') return [];
  if (problem === undefined)
    return [pass('locks', "Proxmox's changes of running containers are seen in time")];
  const text = `Proxmox's changes of running containers are not seen in time, so their ports keep Proxmox's names: ${problem}`;
  const remedy = problem.includes('inotify')
    ? 'sysctl fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=524288; then within a minute: ovs-port-agent doctor'
    : 'systemctl restart ovs-port-agent.service; ovs-port-agent doctor';
  return [warn('locks', text, { remedy })];
}

function badLines({ vmid, config }: ProxmoxGuest): Finding[] {
  if (config.problems.length === 0) return [];
  const text = `guest ${vmid}: ${listText(config.problems, 3)}`;
  return [warn(`guest ${vmid}`, text, { code: 'bad-guest-config' })];
}

/** Guests with a NIC on an OVS bridge; while OVSDB does not answer, those with any NIC. */
function hookscripts(facts: ProxmoxHost, guests: readonly ProxmoxGuest[]): Finding[] {
  const bridges = answered(facts.ovsdb)?.bridges;
  const switches =
    bridges && new Set([...bridges.map(({ name }) => name), ...Object.keys(facts.inForce.bridges)]);
  const concerned = guests.filter(({ config }) =>
    [...config.nics.values()].some(
      (nic) => !isNicProblem(nic) && nic.bridge !== undefined && (switches?.has(nic.bridge) ?? true),
    ),
  );
  const without = concerned.filter(({ config }) => !isOurVolume(config.hookscript));
  if (concerned.length === 0) return [skip('hookscripts', 'no guest has a card on an OVS bridge')];
  if (without.length === 0)
    return [pass('hookscripts', `all ${concerned.length} guests on OVS bridges have the hookscript`)];
  const list = listText(without.map(({ vmid }) => vmid).sort((a, b) => a - b));
  return [
    warn('hookscripts', `without the hookscript: ${list}; their ports come at the agent's next look`, {
      remedy: 'ovs-port-agent proxmox enroll --all',
    }),
  ];
}

/** Not a fault: worth knowing for whoever looks for the tap on the bridge. */
function firewalled({ links }: ProxmoxHost, guests: readonly ProxmoxGuest[]): Finding[] {
  return guests.flatMap(({ vmid, config }) =>
    [...config.nics].flatMap(([index, nic]) => {
      const port = `fwln${vmid}o${index}`;
      if (isNicProblem(nic) || !nic.firewall || !links.has(port)) return [];
      const text = `guest ${vmid}: net${index} has firewall=1, so its port on the bridge is ${port}, and ${portName(vmid, index)} an alias of that`;
      return [pass(`firewall ${vmid}`, text)];
    }),
  );
}
