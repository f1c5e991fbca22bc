import type { JobEvent } from '../oct/events.ts';

/** Shows the events of a job. */
export interface View {
  show(event: JobEvent): void;
  /** Takes away what moves, so that other lines can follow. Another event may bring it back. */
  rest(): void;
  /** The job has ended, well or not. */
  end(): void;
}
