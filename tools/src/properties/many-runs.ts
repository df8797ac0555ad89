// Loaded before a test file (`node --import`): from here on, `fast-check` is the one that asks many times.
import { register } from 'node:module';

register('./many-runs-hooks.js', import.meta.url);
