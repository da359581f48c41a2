// The one registry of errors: every code a user can meet, and what to do about it.

/** Remedy per code. docs/errors.md lists exactly these (a unit test compares). */
export const REMEDIES = {
  'bad-argument': 'Correct the argument as the message says; nothing was changed.',
  'bad-config':
    'Correct /etc/ovs-port-agent/config.toml as ovs-port-agent config check says, then restart ovs-port-agent.service.',
  'bad-event': 'The event was not understood; check that hook and agent are of the same package version.',
  'bad-guest-config': 'Correct the guest configuration line the message names.',
  'agent-unreachable': 'Start the agent anew: systemctl restart ovs-port-agent.service',
  'bus-unreachable': 'Check the system bus: systemctl status dbus.socket',
  'bus-call-failed': 'See the cause; the agent tries again by itself where that can help.',
  'deadline-exceeded':
    'The other side did not answer in time; see its journal. The agent tries again by itself.',
  'networkmanager-unavailable': 'Start NetworkManager anew: systemctl restart NetworkManager.service',
  'networkmanager-without-ovs':
    'Install the OVS plugin of NetworkManager (Debian 14: network-manager-ovs) and restart NetworkManager.',
  'activation-failed': 'See journalctl -u NetworkManager; the agent tries again with back-off.',
  'ovsdb-unreachable': 'Start Open vSwitch anew: systemctl restart openvswitch-switch.service',
  'ovsdb-refused': 'Open vSwitch refused the change; see the cause. The agent tries again with back-off.',
  'ovsdb-garbled':
    'See systemctl status openvswitch-switch.service: it may be broken, or something else has its socket.',
  'port-not-usable': 'ovs-vswitchd could not open the device; see journalctl -u ovs-vswitchd.',
  'vswitchd-unreachable':
    'Start ovs-vswitchd anew: systemctl restart ovs-vswitchd.service; see journalctl -u ovs-vswitchd.',
  'bridge-not-ours': 'Set driver = "auto" in the configuration, or choose a bridge that NetworkManager owns.',
  'bridge-not-ovs': 'Choose another name for the bridge in the configuration, or remove the Linux bridge.',
  'bridge-missing': 'Make the bridge, or let the agent: create = true in its section of the configuration.',
  'flows-refused':
    'See the cause; the agent tries again. Does the bridge allow OpenFlow 1.0 and 1.4 (column protocols)?',
  'link-missing': 'The network device is gone; start the guest again.',
  'card-vanishing':
    'Find what deletes it: the guest itself, when it may change its network. To have it now: ovs-port-agent reconcile',
  'port-unknown': 'List the ports with: ovs-port-agent list',
  'port-not-ours': 'Only ports that ovs-port-agent made can be removed by it.',
  'interface-taken':
    'Choose another name inside containers: interface in the section [docker] of the configuration.',
  'port-in-use':
    "The port goes with its guest: stop it, or take the card off the bridge in the guest's own configuration (Proxmox: net<N>; LXC: lxc.net.<N>, then start it anew; Docker: its labels, then make it anew).",
  'name-taken': 'Choose another VMID, or remove the port that has the name.',
  'vmid-exhausted': 'Widen vmid_range in the configuration.',
  'pool-exhausted': 'Add a pool in the section [netmaker] of the configuration, or shorten its cooldown.',
  'address-taken': 'Choose another address in the label, or remove the container that the message names.',
  'address-outside-pool':
    'Choose a free host address of a pool: pools in the section [netmaker] of the configuration.',
  'addresses-withdrawn':
    'They come again when the agent is started anew: systemctl restart ovs-port-agent.service',
  'lease-write-failed': 'Check the disk that holds /var/lib/ovs-port-agent.',
  'container-not-attachable': 'See the reason in the message.',
  'wireguard-unreadable':
    'See the message; install wireguard-tools on the host if wg is missing. The container works on.',
  'docker-unreachable': 'Start Docker: systemctl start docker.service',
  'not-proxmox': 'Run this on a Proxmox host.',
  'proxmox-unavailable': 'Start the cluster file system: systemctl start pve-cluster.service',
  'proxmox-read-only': 'Bring the cluster to quorum (pvecm status), then run this again.',
  'guest-unknown': 'List the guests of this node with: ovs-port-agent proxmox status',
  'guest-elsewhere': 'Run this on the node that the message names.',
  'guest-locked': 'Wait until the task that holds the guest has ended, then run this again.',
  'guest-template': 'Enroll the guests that are made from it.',
  'snippet-noexec':
    'Allow execution on its mount, which findmnt --target names: mount -o remount,exec, and without noexec in /etc/fstab.',
  'snippet-missing': 'Run: dpkg-reconfigure ovs-port-agent. On another node: install the package there.',
  'hookscript-unusable':
    'Correct the hookscript of the guest (qm set, pct set) or take it away, then run this again.',
  'record-damaged':
    'Delete the file. If the guest had another hookscript before, set that one again and enroll the guest.',
  'enrolment-busy': 'Wait until the other command has ended, then run this again.',
  'uplink-not-plugged':
    'Plug the uplink into the bridge, or set mode = "routed" in the section [netmaker] of the configuration.',
  'exec-failed': 'See the cause: the named program ended with an error.',
  'gateway-failed':
    'See the cause. The containers keep what they have; the agent tries again at the next change of the host.',
  'ledger-locked': 'Only one agent may write the ledger; stop the other one.',
  'ledger-broken': 'Run: ovs-port-agent ledger verify. Keep the file: it is evidence.',
  'ledger-write-failed': 'Check the disk that holds /var/lib/ovs-port-agent.',
  'interfaces-busy':
    'Somebody else is changing the network configuration of Proxmox; try again when that is done.',
  'interfaces-not-editable': 'See the cause; what could not be changed whole was not changed at all.',
  'stun-failed': 'See the reason in the message: a route, a firewall on the way, or the server itself.',
  'responder-failed':
    'The agent tries again by itself. If another program has the port, choose another in the section [netmaker].',
  'spool-failed': 'Check the disk that holds /var/lib/ovs-port-agent/spool.',
} as const;

export type ErrorCode = keyof typeof REMEDIES;

/** An agent of another version may have other codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(REMEDIES, code);
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
    return REMEDIES[this.code];
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
