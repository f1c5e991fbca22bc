import { plural } from '../core/text.ts';
import type { SavedEvent, Stage } from '../oct/events.ts';
import { evaluationTable } from '../oct/table.ts';
import type { EpochTimes } from '../training/callback.ts';
import type { Output } from './output.ts';
import type { ProgressBar } from './progress-bar.ts';
import { printable, quoted } from './text.ts';
import type { View } from './view.ts';
import { dataWords, epochWords, predictionWords, stageNames, timeWords } from './words.ts';

/**
 * Results on standard output, all else on standard error.
 *
 * @param bar where there is a terminal; without it each stage is told once, on a line
 * @param command how the program was called, for what to do next
 */
export function personView(output: Output, bar: ProgressBar | undefined, command: string): View {
  let told: Stage | undefined;
  const times: EpochTimes[] = [];
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
          return say(...(times.length > 0 ? [timeWords(times)] : []), ...savedWords(event, command));
      }
    },
    rest() {
      bar?.clear();
    },
  };
}

function savedWords({ run, interrupted }: SavedEvent, command: string): string[] {
  return [
    '',
    `${interrupted ? 'Stopped early; what was learned is in' : 'Saved in'} ${printable(run)}`,
    `Next: ${command} predict ${quoted(run)} <image or folder>`,
  ];
}

/** How the program was called, as a person would call it again. */
export function commandName(script: string, cwd: string, env: NodeJS.ProcessEnv): string {
  if (/\.[cm]?[jt]s$/.test(script)) {
    const near = script.startsWith(`${cwd}/`) ? script.slice(cwd.length + 1) : script;
    return `node ${quoted(near)}`;
  }
  return env.npm_command === 'exec' ? 'npx fovea' : 'fovea';
}
