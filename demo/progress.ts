import type { WriteStream } from 'node:tty';

export interface Progress {
  add(count: number): void;
  /** Leaves the line as it is now. */
  end(): void;
}

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean };

const BAR_CHARS = 30;
const REDRAW_MS = 80;
const LINE_EVERY = 0.2;

export interface ProgressOptions {
  readonly label: string;
  readonly total: number;
  /** What is counted. @default records */
  readonly unit?: string;
}

/** A bar on a terminal; elsewhere a line for every fifth of the way. */
export function startProgress(output: Output, { label, total, unit = 'records' }: ProgressOptions): Progress {
  const startedMs = performance.now();
  let done = 0;
  let drawnMs = 0;
  let linesDone = 0;
  const figures = (): string => {
    const seconds = Math.max(0.001, (performance.now() - startedMs) / 1_000);
    const rate = Math.round(done / seconds).toLocaleString('en-US');
    return `${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${unit}, ${rate}/s`;
  };
  const bar = (): void => {
    const filled = Math.round((Math.min(done, total) / Math.max(1, total)) * BAR_CHARS);
    output.write(`\r${label} [${'#'.repeat(filled)}${'.'.repeat(BAR_CHARS - filled)}] ${figures()}\x1b[K`);
    drawnMs = performance.now();
  };
  const line = (): void => {
    const reached = Math.floor(done / Math.max(1, total) / LINE_EVERY + 1e-9);
    if (reached <= linesDone) return;
    linesDone = reached;
    output.write(`${label} ${figures()}\n`);
  };
  // Some work is long in saying how far it has come.
  if (output.isTTY === true) bar();
  return {
    add: (count) => {
      done += count;
      if (output.isTTY !== true) line();
      else if (performance.now() - drawnMs >= REDRAW_MS) bar();
    },
    end: () => {
      if (output.isTTY !== true) return;
      bar();
      output.write('\n');
    },
  };
}
