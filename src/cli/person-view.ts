import { plural } from '../core/text.ts';
import type { CheckpointEvent, RunEvent, SavedEvent, Stage } from '../oct/events.ts';
import { evaluationTable } from '../oct/table.ts';
import type { EpochTimes } from '../training/callback.ts';
import type { Output } from './output.ts';
import type { ProgressBar } from './progress-bar.ts';
import { printable, quoted } from './text.ts';
import type { View } from './view.ts';
import {
  checkpointWords,
  dataWords,
  epochWords,
  predictionWords,
  runWords,
  stageNames,
  timeWords,
} from './words.ts';

/**
 * Results on standard output, all else on standard error.
 *
 * @param bar where there is a terminal; without it each stage is told once, on a line
 * @param command how the program was called, for what to do next
 * @param args with what it was called, to go on with a training
 */
export function personView(
  output: Output,
  bar: ProgressBar | undefined,
  command: string,
  args: readonly string[],
): View {
  let told: Stage | undefined;
  const times: EpochTimes[] = [];
  /** Rows of a table, which is as wide as they are. */
  const checkpoints: CheckpointEvent[] = [];
  const runs: RunEvent[] = [];
  const say = (...lines: string[]): void => {
    bar?.clear();
    for (const line of lines) output.message(line);
  };
  const print = (line: string): void => {
    bar?.clear();
    output.result(line);
  };
  return {
    show(event) {
      switch (event.event) {
        case 'data':
          return say(...dataWords(event));
        case 'note':
          return say(printable(event.message));
        case 'progress':
          if (bar) return bar.draw(event);
          if (told !== event.stage) say(`${stageNames[event.stage]}: ${plural(event.total, 'image')}`);
          told = event.stage;
          return;
        case 'epoch':
          times.push(event.seconds);
          // The head has many short epochs, of which the last one tells all.
          if (event.stage !== 'head' || event.epoch === event.epochs) say(epochWords(event));
          return;
        case 'evaluation':
          return print(evaluationTable(event));
        case 'prediction':
          return print(predictionWords(event));
        case 'saved':
          return say(...(times.length > 0 ? [timeWords(times)] : []), ...savedWords(event, command, args));
        case 'checkpoint':
          checkpoints.push(event);
          return;
        case 'run':
          runs.push(event);
          return;
      }
    },
    rest() {
      bar?.clear();
    },
    end() {
      if (checkpoints.length > 0) print(checkpointWords(checkpoints));
      if (runs.length > 0) print(runWords(runs));
    },
  };
}

function savedWords(
  { run, interrupted, step }: SavedEvent,
  command: string,
  args: readonly string[],
): string[] {
  const next = `Next: ${command} predict ${quoted(run)} <image or folder>`;
  if (!interrupted) return ['', `Saved in ${printable(run)}`, next];
  const again = argumentsToGoOn(args, run).map(wordOf).join(' ');
  return [
    '',
    `Stopped after step ${step}; what was learned is in ${printable(run)}`,
    next,
    `To go on: ${command} ${again}`,
  ];
}

/** Flags are as they were typed. */
function wordOf(arg: string): string {
  return /^--[a-z-]+$/.test(arg) ? arg : quoted(arg);
}

/** The same call with the folder named, and without a limit that it has reached. */
export function argumentsToGoOn(args: readonly string[], run: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--out' || arg === '--max-steps') i++;
    else if (!/^--(out|max-steps)=/.test(arg)) kept.push(arg);
  }
  const end = kept.indexOf('--');
  kept.splice(end === -1 ? kept.length : end, 0, '--out', run);
  return kept;
}

/** How the program was called, as a person would call it again. */
export function commandName(script: string, cwd: string, env: NodeJS.ProcessEnv): string {
  if (/\.[cm]?[jt]s$/.test(script)) {
    const near = script.startsWith(`${cwd}/`) ? script.slice(cwd.length + 1) : script;
    return `node ${quoted(near)}`;
  }
  return env.npm_command === 'exec' ? 'npx fovea' : 'fovea';
}
