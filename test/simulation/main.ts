import { parseArgs } from 'node:util';
import { loadCodecs } from '../../lib/record/index.ts';
import { BREAK_NAMES, breakCase } from './break-profiles.ts';
import { CALM, CROWDED, type Profile, RECREATED } from './profile.ts';
import { simulate } from './run.ts';

const PROFILES: Readonly<Record<string, Profile>> = { calm: CALM, crowded: CROWDED, recreated: RECREATED };

const USAGE = `usage: npm run sim -- [--seeds N] [--seed S] [--profile NAME | --break RULE] [--keep-going]

Runs the engine N times (100) on simulated storage, from seed S (1) on, and stops at the first broken promise; exit
code 1 if there is one. The same seed replays the same run.

  --profile NAME  a fixed set of conditions instead of one drawn from each seed: ${Object.keys(PROFILES).join(', ')}
  --break RULE    turns a rule of the engine off, under conditions in which that does harm:
                  ${BREAK_NAMES.join(', ')}
  --keep-going    goes on after a broken promise
  --help          prints this`;

const OPTIONS = {
  seeds: { type: 'string', default: '100' },
  seed: { type: 'string', default: '1' },
  break: { type: 'string' },
  profile: { type: 'string' },
  'keep-going': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const values = readOptions();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const first = Number(values.seed);
const count = Number(values.seeds);
const broken = BREAK_NAMES.find((name) => name === values.break);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1)
  refuse('seeds are whole numbers');
if (values.break !== undefined && broken === undefined) refuse(`there is no rule '${values.break}'`);
if (values.profile !== undefined && !Object.hasOwn(PROFILES, values.profile)) {
  refuse(`there is no profile '${values.profile}'`);
}

const codecs = await loadCodecs();
const profile = values.profile === undefined ? undefined : PROFILES[values.profile];
const setting = {
  ...(profile === undefined ? {} : { profile }),
  ...(broken === undefined ? {} : breakCase(broken)),
};
const flags = [
  ...(values.profile === undefined ? [] : [`--profile ${values.profile}`]),
  ...(broken === undefined ? [] : [`--break ${broken}`]),
];
const startedMs = performance.now();
let events = 0;
let virtualMs = 0;
let failures = 0;
let last = first;
for (let seed = first; seed < first + count; seed++) {
  last = seed;
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
  `seeds ${first} to ${last}: ${failures === 0 ? 'every promise held' : `${failures} broken`}; ` +
    `${events} events, ${rate()} events/s, ${days} days of virtual time`,
);
process.exitCode = failures === 0 ? 0 : 1;

function rate(): number {
  return Math.round((events / (performance.now() - startedMs)) * 1000);
}

function readOptions(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(reason: string): never {
  console.error(`${reason}\n\n${USAGE}`);
  process.exit(2);
}
