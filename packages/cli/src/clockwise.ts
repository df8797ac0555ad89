/** The `clockwise` command: `npm run clockwise -- COMMAND ...` in the checkout. */
import process from 'node:process';
import { runCommandLine } from './command-line.ts';
import { COMMANDS } from './command-table.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), COMMANDS, processTerminal());
