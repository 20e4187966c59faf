import { expect } from 'vitest';
import type { LogClient, Produced, ReadRecord } from './log-client.ts';

/** What a client was told: these values stand at these offsets. */
export interface Acknowledged {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

/** What a client learned from the answer to its produce of `values`. */
export function acknowledgedBy(
  answer: Produced,
  partition: number,
  values: readonly string[],
): readonly Acknowledged[] {
  if (answer.kind === 'failed') throw new Error(`not acknowledged: ${JSON.stringify(answer)}`);
  return values.map((value, index) => ({ partition, offset: answer.offsets[index] ?? -1, value }));
}

/** Acknowledged, or an answer that tells the client to send the same again. */
export function expectRetriable(answer: Produced): void {
  if (answer.kind === 'acknowledged') return;
  expect([429, 500, 503], JSON.stringify(answer)).toContain(answer.status);
  expect([50003, 42901], JSON.stringify(answer)).toContain(answer.errorCode);
}

/**
 * Reads a partition back and holds it against what was acknowledged: offsets without a gap, every acknowledged value
 * at its offset, no value twice. Answers the stored values that nobody was told of.
 */
export async function expectStoredAsAcknowledged(
  client: LogClient,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  acknowledged: readonly Acknowledged[],
): Promise<readonly string[]> {
  const records = await client.readAll(topic, partition);
  expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));

  const values = records.map(textOf);
  expect(new Set(values).size).toBe(values.length);

  const told = acknowledged.filter((one) => one.partition === partition);
  const stored = told.map(({ offset }) => ({ offset, value: values[offset] }));
  expect(stored).toEqual(told.map(({ offset, value }) => ({ offset, value })));

  const known = new Set(told.map(({ value }) => value));
  return values.filter((value) => !known.has(value));
}

function textOf({ value }: ReadRecord): string {
  return String(value);
}
