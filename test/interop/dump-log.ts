import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fetchJars } from '../tools/maven.ts';

const KAFKA = 'org.apache.kafka:kafka_2.13:4.1.0';
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const JAVA_MS_MAX = 120_000;

export interface DumpedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly position: number;
  readonly bytes: number;
  readonly compression: string;
  readonly isValid: boolean;
  readonly records: DumpedRecord[];
}

export interface DumpedRecord {
  readonly offset: number;
  readonly timestampMs: number;
  /** Null where the dump says that its size is -1. */
  readonly key: string | null;
  readonly valueBytes: number;
}

export interface Dump {
  readonly batches: readonly DumpedBatch[];
  /** Everything in the output that tells of damage, and whatever else is not known. */
  readonly problems: readonly string[];
}

/**
 * Apache Kafka's own log dump of one file, whose name must be a number up to its first dot. The tool ends with exit code
 * 0 on damage, so its output is what tells. Keys and values must be printable text without line breaks.
 */
export async function dumpLog(path: string): Promise<Dump> {
  const jars = await fetchJars([KAFKA]);
  const tool = ['kafka.tools.DumpLogSegments', '--deep-iteration', '--print-data-log', '--files', path];
  const { output, failed } = await java(['-cp', join(jars, '*'), ...tool]);
  return parseDump(output, failed);
}

function java(args: readonly string[]): Promise<{ readonly output: string; readonly failed: string[] }> {
  return new Promise((resolve) => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: JAVA_MS_MAX };
    execFile('java', args, options, (error, stdout, stderr) => {
      resolve({ output: stdout, failed: error === null ? [] : [`${error.message}\n${stderr}`] });
    });
  });
}

const BATCH =
  /^baseOffset: (\d+) lastOffset: (\d+) count: \d+ .* position: (\d+) \w+: -?\d+ size: (\d+) magic: 2 compresscodec: (\w+) crc: \d+ isvalid: (true|false)$/;
const RECORD =
  /^\| offset: (\d+) \w+: (-?\d+) keySize: (-?\d+) valueSize: (-?\d+) sequence: -?\d+ headerKeys: \[.*?\](?: key: (.*?))?(?: payload: .*)?$/;
const HARMLESS = /^(Dumping .*|Log starting offset: \d+|)$/;

export function parseDump(output: string, failed: readonly string[]): Dump {
  const batches: DumpedBatch[] = [];
  const problems = [...failed];
  for (const line of output.split('\n')) {
    const batch = BATCH.exec(line);
    const record = RECORD.exec(line);
    if (batch !== null) {
      const [baseOffset = 0, lastOffset = 0, position = 0, bytes = 0] = batch.slice(1, 5).map(Number);
      const isValid = batch[6] === 'true';
      if (!isValid) problems.push(line);
      batches.push({
        baseOffset,
        lastOffset,
        position,
        bytes,
        compression: batch[5] ?? '',
        isValid,
        records: [],
      });
    } else if (record !== null) {
      const [offset = 0, timestampMs = 0, keyBytes = 0, valueBytes = 0] = record.slice(1, 5).map(Number);
      const key = keyBytes === -1 ? null : (record[5] ?? '');
      batches.at(-1)?.records.push({ offset, timestampMs, key, valueBytes });
    } else if (!HARMLESS.test(line)) problems.push(line);
  }
  return { batches, problems };
}
