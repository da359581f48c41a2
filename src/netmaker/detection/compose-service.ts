// Docker Compose's name for a container: which part of it somebody chose for this very container.

const PROJECT = 'com.docker.compose.project';
const SERVICE = 'com.docker.compose.service';
const NUMBER = 'com.docker.compose.container-number';

/**
 * The service that the name was made from: Compose writes `PROJECT-SERVICE-NUMBER`, before its version 2
 * `PROJECT_SERVICE_NUMBER`, and `PROJECT-SERVICE-run-ID` for `compose run` (docker/compose:pkg/compose/convergence.go,
 * run.go). Undefined for a container without Compose and for one with a `container_name` of its own.
 */
export function composeService(name: string, labels: Readonly<Record<string, string>>): string | undefined {
  const [project, service, number] = [PROJECT, SERVICE, NUMBER].map((key) =>
    Object.hasOwn(labels, key) ? labels[key] : undefined,
  );
  if (!project || !service || !number) return undefined;
  const isMadeUp = ['-', '_'].some((separator) => {
    const stem = `${project}${separator}${service}${separator}`;
    return name === `${stem}${number}` || name.startsWith(`${stem}run${separator}`);
  });
  return isMadeUp ? service : undefined;
}
