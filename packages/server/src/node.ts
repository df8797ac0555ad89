/**
 * The node process. Started as `node node.cjs [flags]` (node.cts), which sets the size of libuv's
 * thread pool before anything uses it; `--help` names the flags.
 *
 * Standard output: one line of JSON when the start is over, for whoever started it. Standard error (or
 * --log-file): the log. SIGTERM and SIGINT stop it in order.
 */
import { availableParallelism } from 'node:os';
import { threadPoolSize } from '@clockwise/runtime/thread-pool-size';
import { type Configuration, validateConfiguration } from './configuration.ts';
import { gatherConfiguration, helpText } from './configuration-sources.ts';
import { START_ERRORS, StartError } from './start-error.ts';
import { type RunningNode, startNode } from './start-node.ts';

/** An orderly stop takes no longer; what hangs is left to recovery. */
const STOP_MS_MAX = 9500;

async function main(): Promise<void> {
  const gathered = gatherConfiguration({
    arguments: process.argv.slice(2),
    environment: process.env,
    folder: process.cwd(),
  });
  if (gathered.help) {
    process.stdout.write(helpText());
    return;
  }
  if (gathered.faults.length > 0) throw new StartError('BAD_CONFIGURATION', gathered.faults);
  const machine = { processorCount: availableParallelism() };
  const result = validateConfiguration(gathered.given, machine);
  if (!result.ok) throw new StartError('BAD_CONFIGURATION', result.faults);
  const { configuration } = result;
  if (gathered.printConfig) {
    process.stdout.write(`${JSON.stringify(configuration, null, 2)}\n`);
    return;
  }
  warnOfSmallPool(configuration);
  const starting = startNode(configuration);
  stopOnSignals(starting);
  await announce(await starting);
}

async function announce(node: RunningNode): Promise<void> {
  const { nodeId, ring, dataFolder } = node.configuration;
  const own = ring.nodes.find((one) => one.id === nodeId)!;
  const { addresses } = own;
  const { ready, reasons } = await node.status();
  const { pid } = process;
  process.stdout.write(
    `${JSON.stringify({ ready, nodeId, pid, addresses, dataFolder, reasons })}\n`,
  );
}

function stopOnSignals(starting: Promise<RunningNode>): void {
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      process.stderr.write('the stop took too long: ended without it\n');
      process.exit(1);
    }, STOP_MS_MAX).unref();
    const node = await starting;
    await node.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A start that fails says so by itself.
    process.on(signal, () => void stop().catch(fail));
  }
}

function warnOfSmallPool({ shardCount }: Configuration): void {
  const wanted = threadPoolSize(shardCount);
  if (Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) >= wanted) return;
  process.stderr.write(
    `libuv's thread pool is small: start node.cjs, or set UV_THREADPOOL_SIZE=${wanted}\n`,
  );
}

function fail(error: unknown): void {
  const isExpected = error instanceof StartError;
  const reasons = isExpected ? error.reasons : [(error as Error).stack ?? String(error)];
  const code = isExpected ? error.code : 'START_FAILED';
  process.stdout.write(`${JSON.stringify({ ready: false, code, reasons })}\n`);
  for (const reason of reasons) process.stderr.write(`${reason}\n`);
  process.exit(START_ERRORS[code]);
}

await main().catch(fail);
