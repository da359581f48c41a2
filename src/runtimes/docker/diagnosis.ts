// Docker: whether the engine answers on its socket, and whether a container runs.

import { type Answer, answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf } from '../../core/lib/finding.ts';
import { fileState } from '../../core/lib/runnable.ts';
import type { Diagnosis } from '../diagnosis.ts';
import type { DockerSection } from './config-section.ts';
import { dockerRuns, dockerVersion } from './questions.ts';

const { pass, warn, skip } = findingsOf('Docker');

const DOCKERD = '/usr/sbin/dockerd';

interface DockerHost {
  inForce: { docker: DockerSection };
}

export interface DockerLook {
  installed: boolean;
  /** Version of the engine; undefined where it is not asked. */
  engine: Answer<string> | undefined;
}

export const dockerDiagnosis: Diagnosis<DockerHost, DockerLook> = {
  async look({ inForce: { docker } }) {
    const [dockerd, engine] = await Promise.all([
      fileState(DOCKERD),
      docker.enabled ? dockerVersion(docker.socket) : undefined,
    ]);
    return { installed: dockerd !== 'missing', engine };
  },
  check: ({ inForce }, look) => checkDocker(look, inForce.docker.enabled),
  runs: async ({ name, id }, { inForce }) => answered(await dockerRuns(inForce.docker.socket, id ?? name)),
};

function checkDocker({ installed, engine }: DockerLook, isEnabled: boolean): Finding[] {
  if (engine === undefined || !isEnabled) {
    return [skip('docker', 'left out by the configuration: [docker] enabled = false')];
  }
  if (!engine.ok && !installed) return [skip('docker', 'Docker is not installed')];
  if (engine.ok) return [pass('docker', `Docker ${engine.value} answers`)];
  return [
    warn('docker', engine.reason, {
      remedy: 'systemctl start docker.service; on a host without Docker: enabled = false in [docker]',
      code: 'docker-unreachable',
    }),
  ];
}
