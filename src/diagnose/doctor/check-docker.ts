// Docker: whether the engine answers on its socket.

import type { DoctorFacts } from './facts.ts';
import { type Finding, findingsOf } from './finding.ts';

const { pass, warn, skip } = findingsOf('Docker');

export function checkDocker({ docker, hasDocker, inForce }: DoctorFacts): Finding[] {
  if (docker === undefined || !inForce.docker.enabled) {
    return [skip('docker', 'left out by the configuration: [docker] enabled = false')];
  }
  if (!docker.ok && !hasDocker) return [skip('docker', 'Docker is not installed')];
  if (docker.ok) return [pass('docker', `Docker ${docker.value} answers`)];
  return [
    warn('docker', docker.reason, {
      remedy: 'systemctl start docker.service; on a host without Docker: enabled = false in [docker]',
      code: 'docker-unreachable',
    }),
  ];
}
