#!/usr/bin/env node
// The installed `clockwise`. A plain file, so that it is there before anything is compiled.
import '../dist/clockwise.js';
