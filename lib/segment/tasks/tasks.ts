/** What a worker does for one partition. Every job is safe to run twice, at once, and half. */
export const TASK_JOBS = ['seal', 'push-expiry', 'retain', 'compact'] as const;
export type TaskJob = (typeof TASK_JOBS)[number];

/** One job for one partition: what a planner sends and a worker runs. */
export interface Task {
  readonly job: TaskJob;
  /** A topic that was made again under the name is another one: then there is nothing left to do. */
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  /** How often it ran out of time and was sent on. */
  readonly continued: number;
}

export type ParsedTask =
  | { readonly kind: 'task'; readonly task: Task }
  /** Nothing that this version can run; says what it is. */
  | { readonly kind: 'refused'; readonly reason: string };

const TASK_FORMAT = 1;
const FIELDS = ['f', 'job', 'topicId', 'topic', 'partition', 'continued'] as const;
const TASK_CHARS_MAX = 2_048;
/** A task that is not finished after that often is told about instead of being sent on for ever. */
export const CONTINUATIONS_MAX = 100;

/* A task as a message: {"f":1,"job":"seal","topicId":"…","topic":"orders","partition":0,"continued":0} */
export function encodeTask(task: Task): string {
  const { job, topicId, topic, partition, continued } = task;
  return JSON.stringify({ f: TASK_FORMAT, job, topicId, topic, partition, continued });
}

/** Strict: whatever is missing, unknown or out of range is refused, because somebody else may have sent it. */
export function parseTask(text: string): ParsedTask {
  if (text.length > TASK_CHARS_MAX) return refused(`it is ${text.length} characters long`);
  const fields = jsonObject(text);
  if (fields === undefined) return refused('it is not a JSON object');
  if (typeof fields.f === 'number' && fields.f > TASK_FORMAT) {
    return refused(`it has format ${fields.f}; this version reads up to ${TASK_FORMAT}: upgrade the workers`);
  }
  const unknown = Object.keys(fields).filter((name) => !FIELDS.some((field) => field === name));
  if (unknown.length > 0) return refused(`it has a field '${unknown[0]?.slice(0, 40)}'`);
  const { f, job, topicId, topic, partition, continued } = fields;
  if (f !== TASK_FORMAT) return refused(`its format is ${JSON.stringify(f)}`);
  const known = TASK_JOBS.find((name) => name === job);
  if (known === undefined) return refused(`there is no job ${JSON.stringify(job)?.slice(0, 40)}`);
  if (typeof topicId !== 'string' || !/^[\w-]{22}$/.test(topicId)) return refused('its topicId is none');
  if (typeof topic !== 'string' || topic === '') return refused('its topic is no name');
  if (!isCount(partition)) return refused('its partition is no number from 0 on');
  if (!isCount(continued) || continued > CONTINUATIONS_MAX) {
    return refused(`it was continued ${JSON.stringify(continued)} times without being finished`);
  }
  return { kind: 'task', task: { job: known, topicId, topic, partition, continued } };
}

/** The same task once more, for whoever takes it next. */
export function continuedTask(task: Task): Task {
  return { ...task, continued: task.continued + 1 };
}

function refused(reason: string): ParsedTask {
  return { kind: 'refused', reason: `The message is no task: ${reason}` };
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
