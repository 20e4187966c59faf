import { TASK_JOBS, type TaskJob } from './segment/tasks/tasks.ts';
import type { Call } from './storage/call.ts';

/** What keeps a log within its policy. `sweep` looks after the whole log whatever topic it is asked for. */
export type Job = TaskJob | 'sweep' | 'verify';
export const JOBS: readonly Job[] = [...TASK_JOBS, 'sweep', 'verify'];

export type JobCounts = Readonly<Record<string, number>>;

/** What a job has done. */
export interface JobReport {
  readonly job: Job;
  readonly topic: string;
  /** In all. */
  readonly counts: JobCounts;
  /** By partition, in order, for the jobs that go partition by partition; those that failed or were not reached are missing. */
  readonly partitions: readonly { readonly partition: number; readonly counts: JobCounts }[];
  /** What is wrong, and what could not be done. */
  readonly findings: readonly JobFinding[];
  /** False if time ran out: run it again, it goes on. */
  readonly isComplete: boolean;
}

export interface JobFinding {
  /** `failed`, `foreign-object`, `incident`, or what `verify` calls it. */
  readonly name: string;
  readonly message: string;
  readonly partition?: number;
  readonly offset?: number;
}

/** Runs now what otherwise waits for its schedule. Every job may run many times at once, and be cut off anywhere. */
export interface Maintenance {
  /**
   * Takes until `call.deadlineMs` at the longest. UNKNOWN_TOPIC_OR_PARTITION, THROTTLING_QUOTA_EXCEEDED, REQUEST_TIMED_OUT,
   * KAFKA_STORAGE_ERROR; what goes wrong with a single partition is a finding.
   */
  run(job: Job, topic: string, call: Call): Promise<JobReport>;
}
