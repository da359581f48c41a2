// When Docker said that a container runs: its `start` events, by the engine's own clock.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface DockerStarts {
  /** Wall clock of the container's last `start` event, in milliseconds. */
  of(name: string): Promise<number>;
  close(): void;
}

export function watchDockerStarts(): DockerStarts {
  const format = '{{.Actor.Attributes.name}} {{.TimeNano}}';
  const args = ['events', '--filter', 'type=container', '--filter', 'event=start', '--format', format];
  const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  createInterface(child.stdout).on('line', (line) => {
    const [name = '', nano = ''] = line.split(' ');
    const at = Number(nano) / 1e6;
    seen.set(name, at);
    waiting.get(name)?.(at);
  });
  return {
    async of(name) {
      return seen.get(name) ?? new Promise((resolve) => waiting.set(name, resolve));
    },
    close: () => void child.kill(),
  };
}
