// The kernel's rule for network device names, as a sentence about what is wrong.

import { quoted } from './quoted.ts';

/** IFNAMSIZ - 1. */
export const KERNEL_NAME_MAX = 15;

/**
 * What is wrong with a network device name, or undefined.
 * Linux net/core/dev.c:dev_valid_name (length, ".", "..", "/", ":", white space), and
 * sysctl_dev_name_is_allowed ("all", "default"). We also refuse what is not printable ASCII, because names are
 * printed and compared, and a leading "-", because names become arguments of programs.
 */
export function kernelNameProblem(name: string, noun = 'an interface name'): string | undefined {
  const shown = quoted(name, 40);
  if (name === '') return `${noun} must not be empty`;
  if (name.length > KERNEL_NAME_MAX) {
    return `${noun} has at most ${KERNEL_NAME_MAX} characters, ${shown} has ${name.length}`;
  }
  if (name === '.' || name === '..') return `${noun} must not be ${shown}`;
  if (name.includes('/')) return `${noun} must not contain "/": ${shown}`;
  if (/\s/.test(name)) return `${noun} must not contain spaces or line breaks: ${shown}`;
  if (name.includes(':')) return `${noun} must not contain ":": ${shown}`;
  if (!/^[!-~]+$/.test(name)) return `${noun} must be printable ASCII: ${shown}`;
  if (name.startsWith('-')) return `${noun} must not start with "-": ${shown}`;
  if (name === 'all' || name === 'default') return `${noun} must not be ${shown}: the kernel reserves it`;
  return undefined;
}

/**
 * What is wrong with a name for an OVS bridge, or undefined. A bridge has an internal port of its own name, so the
 * kernel's rule holds; besides, it must not look like a port of ours or be one of OVS's own devices.
 */
export function bridgeNameProblem(name: string): string | undefined {
  const problem = kernelNameProblem(name, 'a bridge name');
  if (problem !== undefined) return problem;
  if (name === 'ovs-system' || name === 'ovs-netdev')
    return `a bridge name must not be "${name}": OVS reserves it`;
  if (/^vi\d+(?:i\d+)?$/.test(name)) return `a bridge name must not look like a port of a guest: "${name}"`;
  return undefined;
}
