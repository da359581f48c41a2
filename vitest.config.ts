// Test projects: unit (pure), integration (real processes, no root network), lab (whole throw-away hosts).
import { defineConfig } from 'vitest/config';
import { SpreadLong } from './test/sequencer.ts';

export default defineConfig({
  test: {
    sequence: { sequencer: SpreadLong },
    // scripts/coverage: what decides, and what is to be believed, has no line that no test runs.
    coverage: {
      provider: 'v8',
      include: ['src/core/plan/**', 'src/core/ledger/**'],
      thresholds: { lines: 100 },
      reporter: [['text', { skipFull: true }]],
      reportsDirectory: 'dist/coverage',
    },
    projects: [
      // Properties run hundreds of cases; two busy cores take their time.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          globalSetup: ['test/lab/global-setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // Whole hosts on two busy cores: a deadline missed once is tried once more, and told in the log.
          retry: 1,
          maxWorkers: 3,
          fileParallelism: true,
        },
      },
    ],
  },
});
