import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  choiceOption,
  flag,
  integerOption,
  Refusal,
  textOption,
  UsageError,
  type Call,
  type Command,
} from './command.ts';
import { parseCall, runCommandLine } from './command-line.ts';
import { COMMANDS } from './command-table.ts';
import { commandHelpText } from './commands/help.ts';
import { EXIT, EXIT_TEXTS, type ExitCode } from './exit-code.ts';
import { LINE_COLUMNS_MAX } from './text-table.ts';
import { testTerminal } from './test-terminal.ts';

function commandOf(run: (call: Call) => Promise<ExitCode>): Command {
  return {
    name: 'try',
    usage: 'KEY [VALUE]',
    summary: 'a command for tests',
    options: {
      count: { type: 'string', value: 'N', help: 'a number' },
      form: { type: 'string', short: 'o', value: 'FORM', help: 'a form' },
      quick: { type: 'boolean', help: 'a flag' },
    },
    positionalsMin: 1,
    positionalsMax: 2,
    notes: [],
    run,
  };
}

const fine = commandOf(async () => EXIT.ok);

test('[CM1] options, flags and arguments reach the command as its table has them', () => {
  const args = ['a', '--count', '7', '-o', 'json', '--quick', '--', '-5'];
  const call = parseCall(fine, args, testTerminal());
  assert.equal(call.positionals, ['a', '-5']);
  assert.is(integerOption(call, 'count', { min: 1, max: 7 }), 7);
  assert.is(choiceOption(call, 'form', ['table', 'json']), 'json');
  assert.is(flag(call, 'quick'), true);
  assert.is(textOption(call, 'absent'), undefined);
});

test('[CM1] what is not understood is refused before the command runs', async () => {
  let runs = 0;
  const command = commandOf(async () => {
    runs += 1;
    return EXIT.ok;
  });
  for (const args of [[], ['a', 'b', 'c'], ['a', '--what'], ['a', '--count'], ['a', '--quick=1']]) {
    const terminal = testTerminal();
    assert.is(await runCommandLine(['try', ...args], [command], terminal), EXIT.usage);
    assert.is(terminal.errors.length, 1, args.join(' '));
    assert.match(terminal.errors[0] ?? '', /^clockwise: try: .*Next: .*help try$/);
  }
  assert.is(runs, 0);
});

test('[CM1] numbers and choices out of range are usage errors', () => {
  const call = (args: string[]): Call => parseCall(fine, ['a', ...args], testTerminal());
  for (const count of ['0', '8', '-1', '1.5', 'x', '', '9'.repeat(20)]) {
    const wrong = call([`--count=${count}`]);
    assert.throws(() => integerOption(wrong, 'count', { min: 1, max: 7 }), isUsageError, count);
  }
  assert.throws(() => choiceOption(call(['-o', 'xml']), 'form', ['table', 'json']), isUsageError);
});

test('[CM2] refusals are one line and their exit code; only faults show a stack', async () => {
  const refusing = commandOf(async () => {
    throw new Refusal('no. Next: yes', EXIT.unreachable);
  });
  const refused = testTerminal();
  assert.is(await runCommandLine(['try', 'a'], [refusing], refused), EXIT.unreachable);
  assert.equal(refused.errors, ['clockwise: no. Next: yes']);
  const faulty = commandOf(async () => {
    throw new RangeError('broken');
  });
  const broken = testTerminal();
  assert.is(await runCommandLine(['try', 'a'], [faulty], broken), EXIT.fault);
  assert.match(broken.errors[0] ?? '', /RangeError: broken\n +at /);
});

test('help: every command and every exit code is told, in lines that fit', async () => {
  const terminal = testTerminal();
  assert.is(await runCommandLine(['help'], COMMANDS, terminal), EXIT.ok);
  const text = terminal.out.join('');
  for (const { name, summary } of COMMANDS) {
    assert.match(text, new RegExp(`^  ${name}\\b.*`, 'm'));
    assert.ok(text.includes(summary));
  }
  for (const [code] of EXIT_TEXTS) assert.match(text, new RegExp(`^  ${code} `, 'm'));
  assert.equal(new Set(EXIT_TEXTS.map(([code]) => code)), new Set(Object.values(EXIT)));
  for (const help of [text, ...COMMANDS.map(commandHelpText)]) {
    for (const line of help.split('\n')) assert.ok(line.length <= LINE_COLUMNS_MAX, line);
  }
});

test('help: --help helps instead of running, and no command at all is a usage error', async () => {
  for (const { name } of COMMANDS) {
    const terminal = testTerminal();
    assert.is(await runCommandLine([name, '--help'], COMMANDS, terminal), EXIT.ok);
    assert.match(terminal.out.join(''), new RegExp(`^usage: clockwise ${name}\\b`));
  }
  assert.is(await runCommandLine([], COMMANDS, testTerminal()), EXIT.usage);
  assert.is(await runCommandLine(['fly'], COMMANDS, testTerminal()), EXIT.usage);
  assert.is(await runCommandLine(['help', 'fly'], COMMANDS, testTerminal()), EXIT.usage);
});

function isUsageError(error: unknown): boolean {
  return error instanceof UsageError;
}

test.run();
