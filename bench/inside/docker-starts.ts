// When Docker said that a container runs: its `start` events, by the engine's own clock.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const WAIT_MS = 30_000;

export interface DockerStarts {
  /** Wall clock of the container's last `start` event, in milliseconds. */
  of(name: string): Promise<number>;
  close(): void;
}

export function watchDockerStarts(): DockerStarts {
  const format = '{{.Actor.Attributes.name}} {{.TimeNano}}';
  const args = ['events', '--filter', 'type=container', '--filter', 'event=start', '--format', format];
  // Nothing of ours is left open in it: who waits for our end would wait for its end too.
  const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  process.once('exit', () => child.kill());
  const seen = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  createInterface(child.stdout).on('line', (line) => {
    const [name = '', nano = ''] = line.split(' ');
    const at = Number(nano) / 1e6;
    seen.set(name, at);
    waiting.get(name)?.(at);
  });
  const awaited = (name: string) =>
    new Promise<number>((resolve, reject) => {
      const end = setTimeout(
        () => reject(new Error(`Docker did not say within ${WAIT_MS} ms that ${name} runs`)),
        WAIT_MS,
      );
      waiting.set(name, (at) => {
        clearTimeout(end);
        resolve(at);
      });
    });
  return {
    async of(name) {
      return seen.get(name) ?? awaited(name);
    },
    close: () => void child.kill(),
  };
}
