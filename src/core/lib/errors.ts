// The one registry of errors: every code a user can meet, what to do about it, and how a verb ends with it.

export interface ErrorEntry {
  /** Of a verb of the command line that ends with it: 1 not so or not done, 2 wrong usage or configuration, 3 a daemon is away. */
  readonly exitCode: 1 | 2 | 3;
  /** What to do about it. */
  readonly remedy: string;
}

/** By code. docs/errors.md lists exactly these (a unit test compares). */
export const ERRORS = {
  'bad-argument': { exitCode: 2, remedy: 'Correct the argument as the message says; nothing was changed.' },
  'bad-config': {
    exitCode: 2,
    remedy:
      'Correct /etc/ovs-port-agent/config.toml as ovs-port-agent config check says, then restart ovs-port-agent.service.',
  },
  'bad-event': {
    exitCode: 2,
    remedy: 'The event was not understood; check that hook and agent are of the same package version.',
  },
  'bad-guest-config': { exitCode: 1, remedy: 'Correct the guest configuration line the message names.' },
  'agent-unreachable': {
    exitCode: 3,
    remedy: 'Start the agent anew: systemctl restart ovs-port-agent.service',
  },
  'bus-unreachable': { exitCode: 3, remedy: 'Check the system bus: systemctl status dbus.socket' },
  'bus-call-failed': {
    exitCode: 1,
    remedy: 'See the cause; the agent tries again by itself where that can help.',
  },
  'deadline-exceeded': {
    exitCode: 3,
    remedy: 'The other side did not answer in time; see its journal. The agent tries again by itself.',
  },
  'networkmanager-unavailable': {
    exitCode: 3,
    remedy: 'Start NetworkManager anew: systemctl restart NetworkManager.service',
  },
  'networkmanager-without-ovs': {
    exitCode: 3,
    remedy:
      'Install the OVS plugin of NetworkManager (Debian 14: network-manager-ovs) and restart NetworkManager.',
  },
  'activation-failed': {
    exitCode: 1,
    remedy: 'See journalctl -u NetworkManager; the agent tries again with back-off.',
  },
  'ovsdb-unreachable': {
    exitCode: 3,
    remedy: 'Start Open vSwitch anew: systemctl restart openvswitch-switch.service',
  },
  'ovsdb-refused': {
    exitCode: 1,
    remedy: 'Open vSwitch refused the change; see the cause. The agent tries again with back-off.',
  },
  'ovsdb-garbled': {
    exitCode: 1,
    remedy:
      'See systemctl status openvswitch-switch.service: it may be broken, or something else has its socket.',
  },
  'port-not-usable': {
    exitCode: 1,
    remedy: 'ovs-vswitchd could not open the device; see journalctl -u ovs-vswitchd.',
  },
  'vswitchd-unreachable': {
    exitCode: 3,
    remedy:
      'Start ovs-vswitchd anew: systemctl restart ovs-vswitchd.service; see journalctl -u ovs-vswitchd.',
  },
  'bridge-not-ours': {
    exitCode: 1,
    remedy: 'Set driver = "auto" in the configuration, or choose a bridge that NetworkManager owns.',
  },
  'bridge-not-ovs': {
    exitCode: 1,
    remedy: 'Choose another name for the bridge in the configuration, or remove the Linux bridge.',
  },
  'bridge-missing': {
    exitCode: 1,
    remedy: 'Make the bridge, or let the agent: create = true in its section of the configuration.',
  },
  'flows-refused': {
    exitCode: 1,
    remedy:
      'See the cause; the agent tries again. Does the bridge allow OpenFlow 1.0 and 1.4 (column protocols)?',
  },
  'link-missing': { exitCode: 1, remedy: 'The network device is gone; start the guest again.' },
  'card-vanishing': {
    exitCode: 1,
    remedy:
      'Find what deletes it: the guest itself, when it may change its network. To have it now: ovs-port-agent reconcile',
  },
  'port-unknown': { exitCode: 1, remedy: 'List the ports with: ovs-port-agent list' },
  'port-not-ours': { exitCode: 1, remedy: 'Only ports that ovs-port-agent made can be removed by it.' },
  'interface-taken': {
    exitCode: 1,
    remedy: 'Choose another name inside containers: interface in the section [docker] of the configuration.',
  },
  'port-in-use': {
    exitCode: 1,
    remedy:
      "The port goes with its guest: stop it, or take the card off the bridge in the guest's own configuration (Proxmox: net<N>; LXC: lxc.net.<N>, then start it anew; Docker: its labels, then make it anew).",
  },
  'name-taken': { exitCode: 1, remedy: 'Choose another VMID, or remove the port that has the name.' },
  'vmid-exhausted': { exitCode: 1, remedy: 'Widen vmid_range in the configuration.' },
  'pool-exhausted': {
    exitCode: 1,
    remedy: 'Add a pool in the section [netmaker] of the configuration, or shorten its cooldown.',
  },
  'address-taken': {
    exitCode: 1,
    remedy: 'Choose another address in the label, or remove the container that the message names.',
  },
  'address-outside-pool': {
    exitCode: 1,
    remedy: 'Choose a free host address of a pool: pools in the section [netmaker] of the configuration.',
  },
  'addresses-withdrawn': {
    exitCode: 1,
    remedy: 'They come again when the agent is started anew: systemctl restart ovs-port-agent.service',
  },
  'lease-write-failed': { exitCode: 1, remedy: 'Check the disk that holds /var/lib/ovs-port-agent.' },
  'container-not-attachable': { exitCode: 1, remedy: 'See the reason in the message.' },
  'wireguard-unreadable': {
    exitCode: 1,
    remedy: 'See the message; install wireguard-tools on the host if wg is missing. The container works on.',
  },
  'docker-unreachable': { exitCode: 3, remedy: 'Start Docker: systemctl start docker.service' },
  'not-proxmox': { exitCode: 1, remedy: 'Run this on a Proxmox host.' },
  'proxmox-unavailable': {
    exitCode: 3,
    remedy: 'Start the cluster file system: systemctl start pve-cluster.service',
  },
  'proxmox-read-only': {
    exitCode: 3,
    remedy: 'Bring the cluster to quorum (pvecm status), then run this again.',
  },
  'guest-unknown': {
    exitCode: 1,
    remedy: 'List the guests of this node with: ovs-port-agent proxmox status',
  },
  'guest-elsewhere': { exitCode: 1, remedy: 'Run this on the node that the message names.' },
  'guest-locked': {
    exitCode: 1,
    remedy: 'Wait until the task that holds the guest has ended, then run this again.',
  },
  'guest-template': { exitCode: 1, remedy: 'Enroll the guests that are made from it.' },
  'snippet-noexec': {
    exitCode: 1,
    remedy:
      'Allow execution on its mount, which findmnt --target names: mount -o remount,exec, and without noexec in /etc/fstab.',
  },
  'snippet-missing': {
    exitCode: 1,
    remedy: 'Run: dpkg-reconfigure ovs-port-agent. On another node: install the package there.',
  },
  'hookscript-unusable': {
    exitCode: 1,
    remedy: 'Correct the hookscript of the guest (qm set, pct set) or take it away, then run this again.',
  },
  'record-damaged': {
    exitCode: 1,
    remedy:
      'Delete the file. If the guest had another hookscript before, set that one again and enroll the guest.',
  },
  'enrolment-busy': { exitCode: 1, remedy: 'Wait until the other command has ended, then run this again.' },
  'uplink-not-plugged': {
    exitCode: 1,
    remedy:
      'Plug the uplink into the bridge, or set mode = "routed" in the section [netmaker] of the configuration.',
  },
  'exec-failed': { exitCode: 1, remedy: 'See the cause: the named program ended with an error.' },
  'gateway-failed': {
    exitCode: 1,
    remedy:
      'See the cause. The containers keep what they have; the agent tries again at the next change of the host.',
  },
  'ledger-locked': { exitCode: 1, remedy: 'Only one agent may write the ledger; stop the other one.' },
  'ledger-broken': {
    exitCode: 1,
    remedy: 'Run: ovs-port-agent ledger verify. Keep the file: it is evidence.',
  },
  'answer-too-big': {
    exitCode: 1,
    remedy: 'Ask for less at a time, as the message says.',
  },
  'too-many-entries': {
    exitCode: 1,
    remedy: 'Wait, then record less often: what changes all the time belongs into a metric.',
  },
  'output-failed': {
    exitCode: 1,
    remedy: 'Name a place that can be written, or make room there, then run this again.',
  },
  'ledger-write-failed': { exitCode: 1, remedy: 'Check the disk that holds /var/lib/ovs-port-agent.' },
  'ledger-evidence-unreadable': {
    exitCode: 1,
    remedy: 'See the cause. Run it as root; if the disk is broken, keep what can be read of ledger.d.',
  },
  'ledger-tree-unreadable': {
    exitCode: 1,
    remedy:
      'Restart the agent: it makes the tree anew from the blocks. systemctl restart ovs-port-agent.service',
  },
  'ledger-checkpoint-refused': {
    exitCode: 1,
    remedy: 'Restart the agent: it begins a new epoch that names the head that was signed before.',
  },
  'ledger-checkpoint-missing': {
    exitCode: 1,
    remedy:
      'The agent signs a checkpoint within a minute of a block. At once: ovs-port-agent ledger checkpoint',
  },
  'ledger-key-unusable': {
    exitCode: 1,
    remedy:
      'See the message. Without its key the ledger goes on in a new epoch: move the file away, restart the agent.',
  },
  'witness-state-unusable': {
    exitCode: 1,
    remedy:
      'Check the disk. What a witness has seen is restored from nothing else: without it, give the witness a new key, and tell the logs.',
  },
  'witness-unreachable': {
    exitCode: 3,
    remedy: 'See the cause. The agent asks the witness again by itself, with back-off.',
  },
  'witness-failed': {
    exitCode: 1,
    remedy: 'See the cause. If another program has the port, choose another in the section [witness].',
  },
  'interfaces-busy': {
    exitCode: 1,
    remedy: 'Somebody else is changing the network configuration of Proxmox; try again when that is done.',
  },
  'interfaces-not-editable': {
    exitCode: 1,
    remedy: 'See the cause; what could not be changed whole was not changed at all.',
  },
  'stun-failed': {
    exitCode: 1,
    remedy: 'See the reason in the message: a route, a firewall on the way, or the server itself.',
  },
  'responder-failed': {
    exitCode: 1,
    remedy:
      'The agent tries again by itself. If another program has the port, choose another in the section [netmaker].',
  },
  'spool-failed': { exitCode: 1, remedy: 'Check the disk that holds /var/lib/ovs-port-agent/spool.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** An agent of another version may have other codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** An error a user may see: `code`, one line of what went wrong, the remedy, and the cause. */
export class AgentError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AgentError';
    this.code = code;
  }

  get remedy(): string {
    return ERRORS[this.code].remedy;
  }

  /** What went wrong and why, in one line. A schema's own message is a page of JSON and stays out. */
  get reason(): string {
    const says = this.cause instanceof Error && !('issues' in this.cause);
    const why = says ? ` (${(this.cause as Error).message})` : '';
    return `${this.message}${why}`.replace(/\s*[\r\n]+\s*/g, ' ');
  }

  /** What a terminal shows: what, why, what to do; always one line. */
  toLine(): string {
    return `${this.reason} [${this.code}] ${this.remedy}`;
  }
}

/** Narrows an unknown thrown value to an AgentError, optionally of one code. */
export function isAgentError(error: unknown, code?: ErrorCode): error is AgentError {
  return error instanceof AgentError && (code === undefined || error.code === code);
}

/** Wraps anything thrown so that what leaves a subsystem always has a code. */
export function asAgentError(error: unknown, code: ErrorCode, message: string): AgentError {
  return error instanceof AgentError ? error : new AgentError(code, message, { cause: error });
}

/** True for a Node system error with this errno name, such as `ENOENT`. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
