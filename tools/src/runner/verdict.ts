// The record of one test file: events go in, the verdict comes out. Pure.
import type { ChildEvent } from './child-event.ts';

export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

export class FileRecord {
  readonly #failures: string[] = [];
  #passed = 0;
  #total = 0;
  #skipped = 0;
  #finished = false;
  #running = '';

  get running(): string {
    return this.#running;
  }

  get finished(): boolean {
    return this.#finished;
  }

  apply(event: ChildEvent): void {
    switch (event.kind) {
      case 'test-began':
        this.#running = event.name;
        return;
      case 'test-ended':
        this.#running = '';
        return;
      case 'suite-ended':
        this.#passed += event.passed;
        this.#total += event.total;
        return;
      case 'skipped':
        this.#skipped += event.count;
        return;
      case 'failure':
        this.fail(this.#running === '' ? event.text : `in "${this.#running}": ${event.text}`);
        return;
      case 'finished':
        this.#finished = true;
        return;
      case 'open-handles':
        this.fail(`open handles keep the process alive: ${event.handles.join(', ')}`);
        return;
      default:
        throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
    }
  }

  fail(text: string): void {
    this.#failures.push(text.trimEnd());
  }

  close(exit: string): Verdict {
    const failures = this.#failures;
    if (!this.#finished && failures.length === 0) {
      const where = this.#running === '' ? 'before its suites ended' : `inside "${this.#running}"`;
      failures.push(`the process ended ${where} with ${exit}`);
    } else if (exit !== 'code 0' && failures.length === 0) {
      failures.push(`the process ended with ${exit}`);
    }
    if (this.#finished && this.#total === 0 && this.#skipped === 0) {
      failures.push('no test ran: is test.run() missing?');
    }
    if (this.#skipped > 0) failures.push(`${this.#skipped} tests skipped: a test runs or goes`);
    const failedTests = this.#total - this.#passed;
    const failed = failures.length > 0 ? Math.max(1, failedTests) : failedTests;
    return { passed: this.#passed, failed, failures };
  }
}
