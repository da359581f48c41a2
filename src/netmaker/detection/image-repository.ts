// The repository of an image reference: what remains of it without Docker's own registry, tag and digest.

/** distribution/reference:normalize.go: these two names mean Docker Hub, and `library/` there its official images. */
const DEFAULT_REGISTRY = /^(?:index\.)?docker\.io\//;

/** distribution/reference:regexp.go, path-component, joined by slashes; a registry's name before it may have capitals. */
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY = /^(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[a-fA-F0-9:]+\])(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

const REFERENCE_MAX = 1024;

/**
 * `gravitl/netclient` of `docker.io/gravitl/netclient:v1.5.1@sha256:…`; another registry stays before it. Undefined for an
 * image id and for what is no reference.
 */
export function imageRepository(reference: string): string | undefined {
  // An id, whole or as a digest: distribution/reference:normalize.go:ParseAnyReference looks at these first.
  if (reference.length > REFERENCE_MAX || /^(?:sha256:)?[0-9a-f]{64}$/.test(reference)) return undefined;
  const [named = '', digest, ...more] = reference.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return undefined;
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  if (colon >= 0 && !TAG.test(named.slice(colon + 1))) return undefined;
  const name = colon < 0 ? named : named.slice(0, colon);
  const local = localRepository(name);
  const registry = registryOf(local);
  if (registry !== undefined && !REGISTRY.test(registry)) return undefined;
  return PATH.test(registry === undefined ? local : local.slice(registry.length + 1)) ? local : undefined;
}

/** A repository without the name of Docker's own registry. */
export function localRepository(repository: string): string {
  const local = repository.replace(DEFAULT_REGISTRY, '');
  return /^library\/[^/]+$/.test(local) ? local.slice('library/'.length) : local;
}

/** distribution/reference:normalize.go:splitDockerDomain. */
function registryOf(name: string): string | undefined {
  const [first = '', ...rest] = name.split('/');
  if (rest.length === 0) return undefined;
  return /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase() ? first : undefined;
}
