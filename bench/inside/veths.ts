// Network cards as containers have them: a veth whose other end is in another network namespace.

import { execFileSync } from 'node:child_process';

const NAMESPACE = 'guests';
const ip = (...args: string[]) => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Without IPv6: hundreds of cards that share one stack would fill the switch with their greetings, guests do not. */
export function makeNamespace(): void {
  ip('netns', 'add', NAMESPACE);
  for (const which of ['all', 'default']) {
    ip('netns', 'exec', NAMESPACE, 'sysctl', '-qw', `net.ipv6.conf.${which}.disable_ipv6=1`);
  }
}

export function makeVeth(link: string): void {
  const inner = `g${link}`.slice(0, 15);
  ip('link', 'add', link, 'up', 'type', 'veth', 'peer', 'name', inner, 'netns', NAMESPACE);
  ip('-n', NAMESPACE, 'link', 'set', inner, 'up');
}

export function removeVeth(link: string): void {
  ip('link', 'delete', link);
}
