/**
 * How the user can call this program: the text of every "next command" that is printed. The checkout
 * has no `clockwise` on the path, so there it goes through npm.
 */
import path from 'node:path';
import process from 'node:process';

export type SelfCommand = (args: string) => string;

/** `dataFolder`: said in the command where it is not the default. */
export function selfCommand(dataFolder?: string): SelfCommand {
  const isInstalled = path.basename(process.argv[1] ?? '') === 'clockwise';
  const prefix = isInstalled ? 'clockwise' : 'npm run clockwise --';
  const suffix = dataFolder === undefined ? '' : ` --data ${dataFolder}`;
  return (args) => `${prefix} ${args}${suffix}`;
}
