// The option that keeps `ifreload` from taking ports of guests off a bridge.

/**
 * ifupdown2 removes each port of an OVS bridge that `ovs_ports` does not name, unless its name matches this option
 * from the start on (addons/openvswitch.py, `_addbridge`, Python's `re.match`). Without the option Proxmox's build of
 * ifupdown2 spares `^(tap|veth|fwln)`.
 */
export const EXEMPTION_KEY = 'ovs-ports-condone-regex';

/**
 * Proxmox's own names and ours. `(?#…)` is a comment inside a regular expression: it says whose line this is, and
 * unlike a comment of the file it cannot get lost when a comment is edited in the web interface. No backslash may be
 * in here: ifupdown2 takes every one in the file for the continuation of a line.
 */
export const EXEMPTION_VALUE = '^(tap|veth|fwln|vi[0-9])(?#ovs-port-agent)';

const PORTS = ['vi100', 'vi999999999', 'vi101i1', 'vi1000000i12'];

/** Whether a regular expression of somebody else spares our ports; undefined when it cannot be understood here. */
export function exemptsOurPorts(pattern: string): boolean | undefined {
  // A pattern that backtracks without end would be a trap; ports have short names, so only its nesting matters.
  if (pattern.length > 500) return undefined;
  try {
    // JavaScript has no comments in expressions; our line, widened by the user, has one.
    const anchored = new RegExp(`^(?:${pattern.replace(/\(\?#[^)]*\)/g, '')})`);
    return PORTS.every((port) => anchored.test(port));
  } catch {
    return undefined;
  }
}
