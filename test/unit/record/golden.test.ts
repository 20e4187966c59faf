import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../../lib/record/index.ts';
import { type DescribedBatch, describeBatches } from '../../golden/describe.ts';

const FOLDER = join(import.meta.dirname, '../../golden/records');
const codecs = await loadCodecs();
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.bin'))
  .map((file) => file.slice(0, -'.bin'.length));

const described = (name: string): DescribedBatch[] =>
  readFileSync(join(FOLDER, `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DescribedBatch);

describe("batches made by Apache Kafka's Java client", () => {
  it('are all here', () => {
    expect(names).toHaveLength(19);
  });

  it.each(names)('%s reads as Kafka reads it', (name) => {
    const bytes = readFileSync(join(FOLDER, `${name}.bin`));
    expect(describeBatches(codecs, bytes)).toEqual(described(name));
  });
});
