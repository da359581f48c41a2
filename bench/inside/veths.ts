// Network cards as containers have them: a veth whose other end is in another network namespace.

import { execFileSync } from 'node:child_process';

const NAMESPACE = 'guests';
const ip = (...args: string[]) => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

export function makeNamespace(): void {
  ip('netns', 'add', NAMESPACE);
}

export function makeVeth(link: string): void {
  const inner = `g${link}`.slice(0, 15);
  ip('link', 'add', link, 'up', 'type', 'veth', 'peer', 'name', inner, 'netns', NAMESPACE);
  ip('-n', NAMESPACE, 'link', 'set', inner, 'up');
}

export function removeVeth(link: string): void {
  ip('link', 'delete', link);
}
