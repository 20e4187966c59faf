import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Kafka's rule for topic names (`Topic.validate`): 1 to 249 of `[a-zA-Z0-9._-]`, not `.` or `..`. */
export function checkTopicName(name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== undefined)
    throw new MillraceError('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${problem}`);
}

function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > LIMITS.topicNameCharsMax)
    return `it is longer than ${LIMITS.topicNameCharsMax} characters`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name))
    return `'${name}' has a character other than letters, digits, '.', '_' and '-'`;
  return undefined;
}
