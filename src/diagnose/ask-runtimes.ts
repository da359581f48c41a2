// Goes through the list of runtimes: what each looks at, what it finds, whether a guest of its runs.

import { type RuntimeName, runtimeNameOf } from '../core/guest/runtimes.ts';
import type { Finding } from '../core/lib/finding.ts';
import type { Diagnosis, DiagnosisPlace, GuestToAsk } from '../runtimes/diagnosis.ts';
import type { DoctorFacts, HostFacts } from './doctor/facts.ts';
import { DIAGNOSES, type RuntimeLooks } from './runtimes.ts';

type Diagnoses = { readonly [Name in RuntimeName]: Diagnosis<HostFacts, RuntimeLooks[Name]> };

const BY_NAME: Diagnoses = DIAGNOSES;
const NAMES = Object.keys(DIAGNOSES) as RuntimeName[];

/** All at the same time. Never throws. */
export async function lookAtRuntimes(host: HostFacts, place: DiagnosisPlace): Promise<RuntimeLooks> {
  const looks = await Promise.all(
    NAMES.map(async (name) => [name, await BY_NAME[name].look(host, place)] as const),
  );
  // `DIAGNOSES` has each name, and so has this.
  return Object.fromEntries(looks) as unknown as RuntimeLooks;
}

/** Pure. */
export function checkRuntimes(facts: DoctorFacts): Finding[] {
  return NAMES.flatMap((name) => findingsOf(name, facts));
}

function findingsOf<Name extends RuntimeName>(name: Name, facts: DoctorFacts): Finding[] {
  const { check }: Diagnosis<HostFacts, RuntimeLooks[Name]> = BY_NAME[name];
  return check(facts, facts.looks[name]);
}

/** Undefined: it cannot be known, as for a device that was attached by hand. */
export async function guestRuns(guest: GuestToAsk, host: HostFacts): Promise<boolean | undefined> {
  const name = runtimeNameOf(guest.runtime);
  return name && BY_NAME[name].runs(guest, host);
}
