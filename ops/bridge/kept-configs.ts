/**
 * Configs of a topic that its copy is made with. What would change the records on their way (timestamps of the append,
 * their bounds) is not among them.
 */
const KEPT = [
  'cleanup.policy',
  'delete.retention.ms',
  'max.message.bytes',
  'min.compaction.lag.ms',
  'retention.bytes',
  'retention.ms',
];

export function keptConfigs(configs: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = configs[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
