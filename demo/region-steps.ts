import { MillraceError } from '../lib/errors.ts';
import { newCall, type Store } from './region-store.ts';
import { whole } from './text.ts';

/** Orders that a region takes in each part of the story. */
export const ORDERS = 6_000;
/** Those that a region had taken and nobody had copied when it died. */
export const UNCOPIED = 450;

export const say = (...lines: readonly string[]): void => {
  for (const line of lines) console.log(line);
};

export async function copy(into: Store, source: string, topic: string): Promise<void> {
  const startedMs = performance.now();
  const { copiedRecords, copiedBytes } = await into.copyFrom(source);
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  say(
    `  ${source} → ${into.alias}: ${whole(copiedRecords)} orders copied to ${topic}, ${whole(copiedBytes)} bytes, ${seconds} s`,
  );
}

/** What a producer is told that knows nothing of it. */
export async function frozen(store: Store): Promise<string> {
  await store.region.freeze(newCall());
  try {
    await store.send({ from: 0, to: 1 });
    return 'NOT AT ALL, it has taken an order';
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return `a producer is told ${error.code}`;
  }
}
