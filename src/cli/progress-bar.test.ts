import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import type { ProgressEvent } from '../oct/events.ts';
import { detailsOf, progressBar } from './progress-bar.ts';

const event: ProgressEvent = {
  event: 'progress',
  stage: 'fine-tune',
  epoch: 2,
  epochs: 6,
  done: 16,
  total: 64,
  imagesPerSecond: 31.6,
  secondsLeft: 65,
  loss: 0.51,
  accuracy: 0.8,
};

it('draws what is known, and takes itself away without a trace', () => {
  let written = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  const bar = progressBar(
    Object.assign(stream, { isTTY: true, columns: 80 }) as unknown as NodeJS.WriteStream,
  );
  bar.draw(event);
  expect(written).toContain(
    `fine-tuning 2/6 ${'█'.repeat(6)}${'░'.repeat(18)} 16/64  32 images/s  loss 0.510`,
  );
  expect(written).not.toContain('\u001b[?25l'); // a second Ctrl-C must not leave a terminal without a cursor
  bar.clear();
  expect(written.endsWith('\u001b[?7h\u001b8\u001b[1G\u001b[2K')).toBe(true); // lines wrap again; the line is empty
  written = '';
  bar.draw({ ...event, stage: 'test', epoch: 1, epochs: 1, done: 64 });
  expect(written).toContain(`testing ${'█'.repeat(24)} 64/64`);
  bar.clear();
});

it('leaves out what is not known', () => {
  const { loss, accuracy, ...bare } = event;
  expect([loss, accuracy]).toEqual([0.51, 0.8]);
  expect(detailsOf(event)).toBe('  32 images/s  loss 0.510  accuracy 0.800  1:05 left');
  expect(detailsOf({ ...bare, imagesPerSecond: 1.26 })).toBe('  1.3 images/s  1:05 left');
  expect(detailsOf({ ...bare, imagesPerSecond: 0, secondsLeft: Number.POSITIVE_INFINITY })).toBe('');
});
