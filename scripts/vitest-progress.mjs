// A vitest reporter that prints one line per finished test file, for scripts/test.mjs: `@progress {"path":…,"passed":…,"failed":[…]}`.

const reason = (errors) => errors[0]?.message?.split('\n')[0] ?? 'no reason given';

export default class Progress {
  onTestModuleEnd(file) {
    const tests = [...file.children.allTests()];
    const failed = tests
      .filter((test) => test.result().state === 'failed')
      .map((test) => `${test.fullName}: ${reason(test.result().errors)}`);
    // A file that cannot be loaded, or a hook of it that fails, has no failed test of its own.
    if (failed.length === 0 && file.state() === 'failed') {
      const suites = [...file.children.allSuites()].flatMap((suite) => suite.errors());
      failed.push(`${file.relativeModuleId}: ${reason([...file.errors(), ...suites])}`);
    }
    this.#print({
      path: file.relativeModuleId,
      passed: tests.filter((test) => test.result().state === 'passed').length,
      skipped: tests.filter((test) => test.result().state === 'skipped').length,
      seconds: Number((file.diagnostic().duration / 1000).toFixed(1)),
      failed,
    });
  }

  #print(line) {
    process.stdout.write(`@progress ${JSON.stringify(line)}\n`);
  }
}
