import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from './worker.ts';

/** Workers say what they are about to store: this long afterwards they are in the middle of it, or just behind. */
const MIDDLE_MS_MAX = 60;

/**
 * Kills one worker after the other while it stores something, `killCount` times in all, or until `over` says that there
 * is nothing left to disturb.
 */
export async function disturb(
  workers: readonly Worker[],
  options: {
    readonly killCount: number;
    readonly over: () => boolean;
    readonly onKill: (worker: Worker) => void;
  },
): Promise<void> {
  const { killCount, over, onKill } = options;
  for (let kills = 0; kills < killCount; kills += 1) {
    const worker = workers[kills % workers.length];
    if (worker === undefined) return;
    await worker.word();
    await sleep(Math.random() * 400);
    await worker.word();
    await sleep(Math.random() * MIDDLE_MS_MAX);
    if (over()) return;
    onKill(worker);
    await worker.kill();
  }
}
