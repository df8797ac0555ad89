// What is made is undone: in order, once, and when the process is told to end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Cleanup } from './cleanup.ts';

const MODULE = fileURLToPath(new URL('./cleanup.js', import.meta.url));

test('[CL1] each undo runs once, the last made first, parts in their place', () => {
  const done: string[] = [];
  const whole = new Cleanup();
  whole.add('first', () => done.push('first'));
  const part = new Cleanup(whole);
  part.add('second', () => done.push('second'));
  part.add('third', () => done.push('third'));
  whole.add('fourth', () => done.push('fourth'));
  whole.close();
  part.run();
  assert.equal(done, ['fourth', 'third', 'second', 'first']);
});

/** Runs a script with a cleanup that writes `undone`; returns what it wrote and how it ended. */
async function outcomeOf(script: string, signal?: NodeJS.Signals): Promise<string> {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { writeSync } from 'node:fs';
       import { Cleanup } from ${JSON.stringify(MODULE)};
       const cleanup = new Cleanup();
       cleanup.add('it', () => writeSync(1, 'undone'));
       cleanup.add('what fails', () => { throw new Error('cannot'); });
       ${script}`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (signal !== undefined && text === 'ready') child.kill(signal);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return `${text} ${code}`;
}

const WAIT = `writeSync(1, 'ready'); setInterval(() => undefined, 1000);`;

test('[CL1] signals and exceptions undo, also what lies before an undo that fails', async () => {
  assert.is(await outcomeOf(WAIT, 'SIGTERM'), 'readyundone 143');
  assert.is(await outcomeOf(WAIT, 'SIGINT'), 'readyundone 130');
  assert.match(await outcomeOf(`throw new Error('nobody catches this')`), /^undone [1-9]/);
  assert.is(await outcomeOf(''), 'undone 1');
});

test.run();
