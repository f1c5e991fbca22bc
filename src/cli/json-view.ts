import type { Output } from './output.ts';
import { printable } from './text.ts';
import type { View } from './view.ts';

/** One JSON object a line on standard output. How far a job is goes nowhere; notes go to standard error. */
export function jsonView(output: Output): View {
  return {
    show(event) {
      if (event.event === 'note') output.message(printable(event.message));
      else if (event.event !== 'progress') output.result(JSON.stringify(event));
    },
    rest() {},
    end() {},
  };
}
