// The order of test files: the longest ones spread from the start on, so that they neither run side by side nor come last.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of several minutes, each of which keeps a processor busy. */
const LONG = /\/(?:proxmox-(?:vi|keep)-(?:lives|changes)|agent-down|witness-cluster)\.test\.ts$/;

export class SpreadLong extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    const long = sorted.filter(isLong);
    const others = sorted.filter((file) => !isLong(file));
    // The last of them comes when a third of the others is still to run.
    const distance = Math.floor((others.length * 2) / 3 / Math.max(1, long.length - 1));
    return long.reduceRight((order, file, index) => order.toSpliced(index * distance, 0, file), others);
  }
}
