import type { Command, OptionDefinition } from '../command.ts';
import { UsageError } from '../command.ts';
import { EXIT, EXIT_TEXTS } from '../exit-code.ts';

/** `commands`: all of them, this one too, when they are asked for. */
export function helpCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'help',
    usage: '[COMMAND]',
    summary: 'print this, or what a command takes',
    positionalsMin: 0,
    positionalsMax: 1,
    options: {},
    notes: [],
    run: async ({ positionals, terminal }) => {
      const [name] = positionals;
      const command = commands().find((one) => one.name === name);
      if (name !== undefined && command === undefined) {
        throw new UsageError(`there is no command "${name}"`);
      }
      await terminal.print(
        command === undefined ? overviewText(commands()) : commandHelpText(command),
      );
      return EXIT.ok;
    },
  };
}

export function overviewText(commands: readonly Command[]): string {
  return [
    'clockwise: a key-value cluster at the command line',
    '',
    'usage: clockwise COMMAND [arguments] [options]    (in the checkout: npm run clockwise -- ...)',
    '',
    ...lines(commands.map(({ name, usage, summary }) => [`${name} ${usage}`.trimEnd(), summary])),
    '',
    'Which cluster: --connect HOST:PORT,... else --data DIR, else CLOCKWISE_CONNECT, else the one that',
    'npm start keeps in .clockwise. "clockwise help COMMAND" tells the options of a command.',
    '',
    'exit codes',
    ...lines(EXIT_TEXTS.map(([code, text]) => [String(code), text])),
  ].join('\n');
}

export function commandHelpText({ name, usage, summary, options, notes }: Command): string {
  const rows = Object.entries(options).map(([option, definition]): [string, string] => [
    optionText(option, definition),
    definition.help,
  ]);
  const help: [string, string] = ['-h, --help', 'print this'];
  return [
    `usage: clockwise ${`${name} ${usage}`.trimEnd()} [options]`,
    '',
    summary,
    '',
    ...lines([...rows, help]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n');
}

function optionText(name: string, { short, value }: OptionDefinition): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? names : `${names} ${value}`;
}

function lines(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
