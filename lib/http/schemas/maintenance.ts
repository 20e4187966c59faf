import * as z from 'zod/mini';
import { JOBS, type Job } from '../../jobs.ts';
import { int32, int53, later, type Schema } from './common.ts';

export const MaintenanceRunBody: Schema<{ readonly job: Job }> = later(() =>
  z.strictObject({ job: z.enum(JOBS) }),
);

const counts = later(() => z.record(z.string(), z.number()));

export const MaintenanceRun: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceMaintenanceRun'),
    metadata: z.strictObject({ self: z.string(), resource_name: z.string() }),
    cluster_id: z.string(),
    topic_name: z.string(),
    job: z.enum(JOBS),
    is_complete: z.boolean(),
    counts: counts(),
    partitions: z.array(z.strictObject({ partition_id: int32(), counts: counts() })),
    findings: z.array(
      z.strictObject({
        name: z.string(),
        message: z.string(),
        partition_id: z.optional(int32()),
        offset: z.optional(int53()),
      }),
    ),
  }),
);
