#!/usr/bin/env node
import { runCommandLine } from './command-line.ts';
import { describeFailure } from './failure.ts';

const debug = Boolean(process.env.FOVEA_DEBUG);
let ended = false;

process.on('uncaughtException', (error) => {
  ended = true;
  process.stderr.write(`${describeFailure(error, debug).message}\n`);
  process.exit(1);
});
process.on('exit', () => {
  if (ended) return;
  const lost = new Error('it ended before its work was done');
  process.stderr.write(`${describeFailure(lost, debug).message}\n`);
  process.exitCode = 1;
});

// The process ends by itself: process.exit would abort a native computation that still runs in a worker.
const status = runCommandLine(process.argv.slice(2), debug);
void status.then((code) => {
  ended = true;
  process.exitCode = code;
});
