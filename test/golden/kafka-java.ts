import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchJars } from '../tools/maven.ts';
import type { DescribedBatch } from './describe.ts';

const run = promisify(execFile);

const KAFKA_CLIENTS = 'org.apache.kafka:kafka-clients:4.1.0';
const PROGRAM = join(import.meta.dirname, 'java/GoldenRecords.java');
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const JAVA_MS_MAX = 60_000;

/** Runs java/GoldenRecords.java on Apache Kafka's own client jars and answers what it prints. */
async function runJava(args: readonly string[]): Promise<string> {
  const jars = await fetchJars([KAFKA_CLIENTS]);
  const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: JAVA_MS_MAX };
  const { stdout } = await run('java', ['-cp', join(jars, '*'), PROGRAM, ...args], options);
  return stdout;
}

export async function writeGoldenRecords(folder: string): Promise<void> {
  await runJava(['write', folder]);
}

/** The name of the Java exception. */
export interface RefusedByKafka {
  readonly refused: string;
}

/** What Kafka reads in each file, if every batch, record and checksum in it is valid. */
export async function readWithKafka(
  files: readonly string[],
): Promise<(readonly DescribedBatch[] | RefusedByKafka)[]> {
  const output = await runJava(['read', ...files]);
  const lines = output.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as DescribedBatch[] | RefusedByKafka);
}
