// The process of one test file: `node child.js FILE OPEN_HANDLE_MS [PROPERTY_SEED]`. It runs the file's suites and
// tells the runner what happens; the runner keeps the time and judges.
//
// uvu 0.5.6 collects suites in the global UVU_QUEUE when UVU_DEFER is set: `test.run()` pushes a
// function there that runs one suite and answers [errors or true, passed, skipped, total]. It keeps
// the running test's name in the suite's state, as `__test__`: an accessor there tells when each
// test begins. uvu drops what a hook throws, so the hooks of `test` are wrapped.
import { writeSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { EVENT_DESCRIPTOR, type ChildEvent } from './child-event.ts';

type SuiteResult = readonly [errors: string | true, passed: number, skipped: number, total: number];
type Hook = (context: Record<string, unknown>) => unknown;
type AddHook = ((hook: Hook) => void) & { each: (hook: Hook) => void };

const [, , file = '', openHandleMs = '2000', propertySeed = ''] = process.argv;

function tell(event: ChildEvent): void {
  writeSync(EVENT_DESCRIPTOR, `${JSON.stringify(event)}\n`);
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown, and not an Error: ${String(error)}`;
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function dieOf(what: string): (error: unknown) => void {
  return (error) => {
    tell({ kind: 'failure', text: `${what}: ${textOf(error)}` });
    process.exit(1);
  };
}

/** uvu gives each suite a state object and assigns the running test's name to `__test__` there. */
function observeTests(): void {
  // oxlint-disable-next-line no-extend-native -- the state objects have no other way in
  Object.defineProperty(Object.prototype, '__test__', {
    configurable: true,
    get: () => undefined,
    set(this: object, first: string) {
      let current = first;
      Object.defineProperty(this, '__test__', {
        get: () => current,
        set: (name: string) => {
          current = name;
          tell(name === '' ? { kind: 'test-ended' } : { kind: 'test-began', name });
        },
      });
    },
  });
}

function tellingHook(hook: Hook): Hook {
  return async (context) => {
    try {
      return await hook(context);
    } catch (error) {
      tell({ kind: 'failure', text: `a hook threw: ${textOf(error)}` });
      throw error;
    }
  };
}

function wrapHook(add: AddHook): AddHook {
  const each = add.each;
  return Object.assign((hook: Hook) => add(tellingHook(hook)), {
    each: (hook: Hook) => each(tellingHook(hook)),
  });
}

async function runSuite(suite: () => Promise<SuiteResult>): Promise<void> {
  try {
    const [errors, passed, skipped, total] = await suite();
    if (errors !== true) tell({ kind: 'failure', text: errors });
    else if (passed < total) {
      const text =
        'the suite stopped: a hook threw, or a test threw something that is not an Error';
      tell({ kind: 'failure', text });
    }
    tell({ kind: 'suite-ended', passed, total });
    if (skipped > 0) tell({ kind: 'skipped', count: skipped });
  } catch (error) {
    tell({ kind: 'failure', text: `the suite broke: ${textOf(error)}` });
  }
}

function watchOpenHandles(): void {
  setTimeout(() => {
    tell({ kind: 'open-handles', handles: process.getActiveResourcesInfo() });
    process.exit(1);
  }, Number(openHandleMs)).unref();
}

process.on('uncaughtException', dieOf('uncaught exception'));
process.on('unhandledRejection', dieOf('unhandled rejection'));
const suites: (() => Promise<SuiteResult>)[] = [];
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [suites] });
observeTests();
const uvu: { test: object } = await import('uvu');
const test = uvu.test as { before: AddHook; after: AddHook };
test.before = wrapHook(test.before);
test.after = wrapHook(test.after);
if (propertySeed !== '') {
  const { default: fc } = await import('fast-check');
  fc.configureGlobal({ seed: Number(propertySeed) });
}
await import(pathToFileURL(file).href);
for (const suite of suites) await runSuite(suite);
tell({ kind: 'finished' });
watchOpenHandles();
