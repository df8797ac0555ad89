/**
 * [JP5] What a thread of the pool requires: no ES module itself, it imports the one with the jobs.
 *
 * piscina tries `require` before `import`, and Node 20 can require an ES module. But a thread that is
 * ended while it does so ends the whole process (`IsGraphAsync must be used on an instantiated module`):
 * of ten processes that ended 200 threads each, 30 to 60 ms after their start, eight were lost by
 * `require`, none by `import`.
 */
interface Jobs {
  readonly default: unknown;
}

const { workerData } = process.getBuiltinModule('node:worker_threads');
const jobs = import(workerData as string) as Promise<Jobs>;

module.exports = jobs.then((loaded) => loaded.default);
