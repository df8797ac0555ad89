/** Every command, in the order of the help. */
import type { Command } from './command.ts';
import { deleteCommand } from './commands/delete.ts';
import { exportCommand } from './commands/export.ts';
import { get } from './commands/get.ts';
import { helpCommand } from './commands/help.ts';
import { hintsCommand } from './commands/hints.ts';
import { importCommand } from './commands/import.ts';
import { put } from './commands/put.ts';
import { ring } from './commands/ring.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { start } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { storeCommand } from './commands/store.ts';

export const COMMANDS: readonly Command[] = [
  start,
  statusCommand,
  ring,
  hintsCommand,
  get,
  put,
  deleteCommand,
  importCommand,
  exportCommand,
  snapshotCommand,
  storeCommand,
  helpCommand(() => COMMANDS),
];
