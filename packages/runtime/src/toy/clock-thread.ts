/** A thread that answers every message with what its clock says: for the test of CK2. */
import { parentPort } from 'node:worker_threads';
import { RealClock } from '../clock.ts';

const clock = new RealClock();
parentPort!.on('message', () => parentPort!.postMessage(clock.now()));
