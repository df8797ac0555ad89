/** `npm start`: a cluster on this machine, as `clockwise start` runs it. */
import process from 'node:process';
import { runCommand } from './command-line.ts';
import { start } from './commands/start.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runCommand(start, process.argv.slice(2), processTerminal());
