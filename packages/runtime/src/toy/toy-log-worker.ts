/** Worker file of the toy log writer. */
import { runLogWriter } from '../worker/log-thread.ts';
import { ToyLogSink } from './toy-log-sink.ts';

runLogWriter<{ readonly path: string }, string>(
  ({ data, chunks }) => new ToyLogSink(data.path, chunks),
);
