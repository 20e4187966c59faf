import { parseArgs } from 'node:util';
import { loadCodecs } from '../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../lib/rules.ts';
import { breakProfile } from './break-profiles.ts';
import { CALM, type Profile, RECREATED } from './profile.ts';
import { simulate } from './run.ts';

const PROFILES: Readonly<Record<string, Profile>> = { calm: CALM, recreated: RECREATED };

/**
 * `npm run sim -- --seeds N [--seed S] [--break RULE] [--profile NAME]`: N runs from seed S on; exit code 1 if one breaks
 * a promise. `--break` turns a rule of the engine off, under conditions in which that does harm.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    break: { type: 'string' },
    profile: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
const broken = values.break;
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) usage();
if (broken !== undefined && !isRule(broken)) usage();

if (values.profile !== undefined && !(values.profile in PROFILES)) usage();

const codecs = await loadCodecs();
const profile = values.profile === undefined ? undefined : PROFILES[values.profile];
const setting = {
  ...(profile === undefined ? {} : { profile }),
  ...(broken === undefined
    ? {}
    : { rules: { ...ALL_RULES, [broken]: false }, profile: breakProfile(broken) }),
};
const flags = [
  ...(values.profile === undefined ? [] : [`--profile ${values.profile}`]),
  ...(broken === undefined ? [] : [`--break ${broken}`]),
];
const startedMs = performance.now();
let events = 0;
let virtualMs = 0;
let failures = 0;
for (let seed = first; seed < first + count; seed++) {
  const outcome = await simulate({ seed, codecs, ...setting });
  events += outcome.eventCount;
  virtualMs += outcome.virtualMs;
  if (process.stdout.isTTY) process.stdout.write(`\rseed ${seed}, ${rate()} events/s `);
  if (outcome.violations.length === 0) continue;
  failures++;
  console.log(`\n${outcome.report()}\n`);
  console.log(`replay: ${['npm run sim -- --seeds 1 --seed', seed, ...flags].join(' ')}`);
  if (!values['keep-going']) break;
}
if (process.stdout.isTTY) process.stdout.write('\r');
const days = Math.round(virtualMs / 86_400_000);
console.log(
  `seeds ${first} to ${first + count - 1}: ${failures === 0 ? 'every promise held' : `${failures} broken`}; ` +
    `${events} events, ${rate()} events/s, ${days} days of virtual time`,
);
process.exitCode = failures === 0 ? 0 : 1;

function rate(): number {
  return Math.round((events / (performance.now() - startedMs)) * 1000);
}

function isRule(name: string): name is keyof Rules {
  return name in ALL_RULES;
}

function usage(): never {
  console.error(
    `usage: npm run sim -- --seeds N [--seed S] [--break ${Object.keys(ALL_RULES).join('|')}] ` +
      `[--profile ${Object.keys(PROFILES).join('|')}] [--keep-going]`,
  );
  process.exit(2);
}
