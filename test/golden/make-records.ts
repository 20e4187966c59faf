import { join } from 'node:path';
import { writeGoldenRecords } from './kafka-java.ts';

// node test/golden/make-records.ts: makes test/golden/records anew. Needs Java 17 and Maven.
await writeGoldenRecords(join(import.meta.dirname, 'records'));
