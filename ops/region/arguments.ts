import { parseArgs } from 'node:util';

export type RegionCommand =
  | { readonly name: 'help' }
  | { readonly name: 'status' | 'freeze' | 'thaw'; readonly url: string }
  | {
      readonly name: 'fail-over';
      /** The region that is left. */
      readonly from: string;
      readonly to: string;
      /** Alias of the one that is left. */
      readonly source: string;
      /** It cannot be reached any more: nothing is asked of it. */
      readonly isLost: boolean;
      /** Whether the positions of groups are waited for. */
      readonly groups: boolean;
      readonly waitMs: number;
    }
  | { readonly name: 'promote'; readonly source: string; readonly to: string; readonly waitMs: number }
  | {
      readonly name: 'export-tail';
      readonly source: string;
      readonly from: string;
      readonly to: string;
      readonly waitMs: number;
    }
  | {
      readonly name: 're-create';
      readonly source: string;
      readonly from: string;
      readonly to: string;
      readonly topics?: readonly string[];
      readonly exclude: readonly string[];
      /** Whether what lies before the beginning of a promoted topic goes, too. */
      readonly trimmed: boolean;
      readonly waitMs: number;
    };

type Environment = Readonly<Record<string, string | undefined>>;

const OPTIONS = {
  url: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  source: { type: 'string' },
  lost: { type: 'boolean' },
  groups: { type: 'boolean' },
  topics: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  trimmed: { type: 'boolean' },
  wait: { type: 'string' },
  sign: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export const USAGE = `npm run region -- status | freeze | thaw [--url URL]
npm run region -- fail-over --source ALIAS --to URL (--from URL [--groups] | --lost) [--wait SECONDS]
npm run region -- promote --source ALIAS --to URL [--wait SECONDS]
npm run region -- export-tail --source ALIAS --from URL --to URL [--wait SECONDS]
npm run region -- re-create --source ALIAS --from URL --to URL [--topics PATTERN]… [--exclude PATTERN]… [--trimmed] [--wait SECONDS]

  fail-over        leaves a region for another one, and waits until everything has come over
  promote          makes the copies of an identity flow topics that are written in their target
  export-tail      brings what a lost region had and nobody had copied into topics of its own
  re-create        makes a lost region anew from the one that has taken over
  --url URL        the region's HTTP API (MILLRACE_URL, http://127.0.0.1:8082)
  --source ALIAS   the region that is copied from, as the flow in the other one calls it
  --from URL       its HTTP API. fail-over and export-tail freeze it, and what it has is waited for
  --lost           it cannot be reached: only tells what has come over
  --to URL         the HTTP API of the region that is copied to. re-create freezes it, deletes topics there, and thaws it
  --groups         wait for the positions of groups, too
  --topics, --exclude   RE2 patterns of the topics that are copied back (all, none)
  --trimmed        delete also what lies before the beginning of a promoted topic, or of what was exported: it was trimmed, or never copied
  --wait SECONDS   how long to wait for the copies (600)
  --sign REGION    sign requests for this AWS region (default: that of an API Gateway host)
MILLRACE_TOKEN is sent as a bearer token where it is set. Exit code 0: done; 1: not yet, or not all; 2: could not be done.`;

export interface RegionArguments {
  readonly command: RegionCommand;
  readonly token?: string;
  readonly signedRegion?: string;
}

const WAIT_SECONDS = 600;
const URL_DEFAULT = 'http://127.0.0.1:8082';

/** Throws an error with one line that says what is wrong. */
export function readRegionArguments(args: readonly string[], environment: Environment): RegionArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  });
  const token = environment.MILLRACE_TOKEN;
  const access = {
    ...(token ? { token } : {}),
    ...(values.sign === undefined ? {} : { signedRegion: values.sign }),
  };
  const [name, ...more] = positionals;
  if (values.help === true || name === undefined) return { ...access, command: { name: 'help' } };
  if (more.length > 0) throw new Error(`one command at a time: ${positionals.join(', ')}`);
  const between = BETWEEN.find((one) => one === name);
  if (between !== undefined) return { ...access, command: betweenRegions(between, values) };
  if (name !== 'status' && name !== 'freeze' && name !== 'thaw')
    throw new Error(`there is no command '${name}'`);
  refuseOthers(name, values, ['url']);
  const url = checkedUrl('--url', values.url ?? (environment.MILLRACE_URL || URL_DEFAULT));
  return { ...access, command: { name, url } };
}

const BETWEEN = ['fail-over', 'promote', 'export-tail', 're-create'] as const;

interface Values {
  readonly url?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly source?: string | undefined;
  readonly lost?: boolean | undefined;
  readonly groups?: boolean | undefined;
  readonly topics?: string[] | undefined;
  readonly exclude?: string[] | undefined;
  readonly trimmed?: boolean | undefined;
  readonly wait?: string | undefined;
}

const TAKEN = {
  'fail-over': ['from', 'lost', 'groups'],
  promote: [],
  'export-tail': ['from'],
  're-create': ['from', 'topics', 'exclude', 'trimmed'],
} as const satisfies Record<(typeof BETWEEN)[number], readonly (keyof Values)[]>;

function betweenRegions(name: (typeof BETWEEN)[number], values: Values): RegionCommand {
  refuseOthers(name, values, ['source', 'to', 'wait', ...TAKEN[name]]);
  const { source, to, from, wait = String(WAIT_SECONDS) } = values;
  if (source === undefined)
    throw new Error('--source is missing: the alias of the region that is copied from');
  if (to === undefined) throw new Error('--to is missing: the URL of the region that is copied to');
  if (!/^\d{1,6}$/.test(wait)) throw new Error(`--wait must be a number of seconds, not '${wait}'`);
  const command = { source, to: checkedUrl('--to', to), waitMs: Number(wait) * 1_000 };
  if (name === 'promote') return { name, ...command };
  if (name === 'fail-over') return { name, ...command, ...howTheOtherIs(values) };
  if (from === undefined) throw new Error('--from is missing: the URL of the region that is copied from');
  const both = { ...command, from: checkedUrl('--from', from) };
  if (both.from === both.to) throw new Error('--from and --to are the same region');
  if (name === 'export-tail') return { name, ...both };
  const { topics, exclude = [], trimmed = false } = values;
  return { name, ...both, exclude, trimmed, ...(topics === undefined ? {} : { topics }) };
}

function howTheOtherIs({ from, lost: isLost = false, groups = false }: Values): {
  readonly from: string;
  readonly isLost: boolean;
  readonly groups: boolean;
} {
  if ((from === undefined) !== isLost)
    throw new Error('either --from or --lost says how the other region is');
  if (groups && isLost) throw new Error('--groups asks the region that is left, which is lost');
  return { isLost, groups, from: from === undefined ? '' : checkedUrl('--from', from) };
}

/** What an option is not for it would not be heard. */
function refuseOthers(name: string, values: Values, taken: readonly string[]): void {
  const other = Object.keys(values).find((one) => one !== 'sign' && one !== 'help' && !taken.includes(one));
  if (other !== undefined) throw new Error(`${name} has no option --${other}`);
}

function checkedUrl(option: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new Error(`${option} must be a URL with http or https, not '${text}'`);
}
