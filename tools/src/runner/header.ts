// What a test file asks of the runner, read from its header comment:
//
//   runner: alone             nothing else runs beside this file
//   runner: limit 120s        time for the whole file (default 60 s)
//   runner: test limit 60s    time for one test (default 10 s)
//   runner: full              run by `npm run test:full` only, or when its name is given

export interface RunnerRequest {
  readonly alone: boolean;
  readonly full: boolean;
  readonly fileMs: number;
  readonly testMs: number;
}

export const FILE_MS_DEFAULT = 60_000;
export const TEST_MS_DEFAULT = 10_000;

/** The comments and blank lines before the first line of code. */
export function headerOf(text: string): string {
  const match = /^(?:#![^\n]*\n)?(?:\s+|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(text);
  return match === null ? '' : match[0];
}

export function readRequest(text: string): RunnerRequest {
  const header = headerOf(text);
  const fileMs = secondsAfter(header, /runner: limit (\d+)s\b/) ?? FILE_MS_DEFAULT;
  return {
    alone: /runner: alone\b/.test(header),
    full: /runner: full\b/.test(header),
    fileMs,
    testMs:
      secondsAfter(header, /runner: test limit (\d+)s\b/) ?? Math.min(TEST_MS_DEFAULT, fileMs),
  };
}

function secondsAfter(header: string, pattern: RegExp): number | undefined {
  const seconds = pattern.exec(header)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
