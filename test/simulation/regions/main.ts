import { parseArgs } from 'node:util';
import { loadCodecs } from '../../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../../lib/rules.ts';
import { HOUR_MS } from '../durations.ts';
import { simulateRegions } from './simulate-regions.ts';

const USAGE = `usage: node test/simulation/regions/main.ts [--seeds N] [--seed S] [--break RULE]

Runs N histories (100) of two and three regions and the flows between them, from seed S (1) on, and prints the seed of
every one in which a promise was broken; exit code 1 if there is one. The same seed replays the same history.

  --break RULE  turns a rule of the engine off`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    break: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const count = Number(values.seeds);
const isKnown = values.break === undefined || Object.hasOwn(ALL_RULES, values.break);
if (values.help || !isKnown || !Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const rules: Partial<Rules> = values.break === undefined ? {} : { [values.break]: false };
const codecs = await loadCodecs();
const sums = { virtualMs: 0, events: 0, copied: 0, carried: 0, failures: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const outcome = await simulateRegions({ seed, codecs, rules });
  sums.virtualMs += outcome.virtualMs;
  sums.events += outcome.eventCount;
  sums.copied += outcome.copiedCount;
  sums.carried += outcome.carriedCount;
  if (outcome.violations.length === 0) continue;
  sums.failures += 1;
  const { policy, aliases } = outcome.profile;
  console.log(`seed ${seed} (${policy}, ${aliases.length} regions): ${outcome.violations.length} violations`);
  for (const violation of outcome.violations.slice(0, 5)) console.log(`  ${violation}`);
}
console.log(
  `seeds ${first} to ${first + count - 1}: ${sums.failures === 0 ? 'every promise held' : `${sums.failures} broken`}; ` +
    `${Math.round(sums.virtualMs / HOUR_MS)} simulated hours, ${sums.events} events, ` +
    `${sums.copied} records copied, ${sums.carried} positions carried over`,
);
process.exitCode = sums.failures === 0 ? 0 : 1;
