// Each test process leads a process group, so that whatever it started can be found and ended.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

const LEAVE_MS = 500;
const POLL_MS = 20;

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Names the processes that outlive their leader (after a moment to leave), and ends them. */
export async function endSurvivors(leader: number): Promise<readonly string[]> {
  for (let waitedMs = 0; waitedMs < LEAVE_MS; waitedMs += POLL_MS) {
    if (survivors(leader).length === 0) return [];
    await delay(POLL_MS);
  }
  const names = survivors(leader);
  killGroup(leader);
  return names;
}

function survivors(leader: number): readonly string[] {
  if (!groupExists(leader)) return [];
  if (!existsSync('/proc/self/stat')) return [`process group ${leader}`];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((id) => memberName(id, leader));
}

function groupExists(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return true;
  } catch {
    return false;
  }
}

/** A dead process that nobody has waited for yet (state Z) is no survivor. */
function memberName(id: string, leader: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(group) !== leader || state === 'Z') return [];
    return [readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
  } catch {
    return []; // It ended between the listing and the reading: no survivor either.
  }
}
