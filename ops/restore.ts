import { engineParts } from '../lib/open-log.ts';
import { applyRestore, planRestore, type RestorePlan } from '../lib/segment/restore/restore.ts';
import { Meter } from '../lib/storage/meter.ts';
import { run } from './run.ts';
import { type Output, verifyLog } from './verify-log.ts';

/**
 * `npm run restore`: takes tables that were restored to a point in time into use, beside a bucket that is ahead of them.
 * Without `--apply` it says what is wrong, what is lost and what it would do. Exit code 1 if the log has findings.
 */
await run(
  'npm run restore -- [--apply] [where the log is]\n\nNobody else may use the tables meanwhile. docs/operations.md tells the whole way.',
  async (open, { apply }, output) => {
    const parts = engineParts(open.storage);
    const call = { meter: new Meter(), deadlineMs: Number.MAX_SAFE_INTEGER };
    output.progress(`Verifying ${open.name}`);
    const { findingCount } = await verifyLog(parts, {}, output);
    const plan = await planRestore(parts, call);
    tellLosses(plan, output);
    if (apply) {
      const { pushed } = await applyRestore(parts, plan, call);
      output.line(`The expiry of ${pushed.pushedCount} unsealed chunks is pushed out`);
      tellEpochs(plan, 'is raised to', output);
      const turned = await open.turnExpiryOn();
      for (const table of turned) output.line(`Expiry is on again: ${table}`);
      output.line('The log may be used');
    } else {
      tellEpochs(plan, 'would be raised to', output);
      output.line('Nothing was changed. Again with --apply to do it.');
    }
    return findingCount === 0 ? 0 : 1;
  },
);

function tellEpochs({ topics }: RestorePlan, what: string, { line }: Output): void {
  for (const { topic, leaderEpoch, tails } of topics) {
    if (topic.state !== 'active') continue;
    line(`${topic.name}: the leader epoch ${what} ${leaderEpoch}, from the ends at ${tails.join(', ')} on`);
  }
}

function tellLosses({ topics, lost }: RestorePlan, { line }: Output): void {
  const names = new Map(topics.map(({ topic }) => [topic.topicId, topic.name]));
  for (const { pk, startOffset, endOffset } of lost.ranges) {
    const [topicId = '', partition] = pk.split(':');
    line(`lost  ${names.get(topicId)}/${partition}: at least the offsets ${startOffset} to ${endOffset - 1}`);
  }
  for (const { topicId, objectCount, bytes } of lost.unknownTopics) {
    line(`lost  a topic with id ${topicId}: ${objectCount} objects, ${bytes} bytes`);
  }
  const { objectCount, bytes } = lost.uploads;
  if (objectCount > 0)
    line(`lost  perhaps records in ${objectCount} uploads that nothing refers to, ${bytes} bytes`);
  if (lost.ranges.length + lost.unknownTopics.length + objectCount === 0) {
    line('The bucket knows of nothing that the tables do not. What was only in the tables cannot be told.');
  }
}
