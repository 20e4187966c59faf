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
      readonly waitMs: number;
    };

type Environment = Readonly<Record<string, string | undefined>>;

const OPTIONS = {
  url: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  source: { type: 'string' },
  lost: { type: 'boolean' },
  wait: { type: 'string' },
  sign: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export const USAGE = `npm run region -- status | freeze | thaw [--url URL]
npm run region -- fail-over --source ALIAS --to URL (--from URL | --lost) [--wait SECONDS]

  --url URL        the region's HTTP API (MILLRACE_URL, http://127.0.0.1:8082)
  --source ALIAS   the region that is left, as the flow in the other one calls it
  --from URL       its HTTP API: it is frozen, and what it has is waited for
  --lost           it cannot be reached: only tells what has come over
  --to URL         the HTTP API of the region that takes over
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
  if (name === 'fail-over') return { ...access, command: failOver(values) };
  if (name !== 'status' && name !== 'freeze' && name !== 'thaw')
    throw new Error(`there is no command '${name}'`);
  const url = checkedUrl('--url', values.url ?? (environment.MILLRACE_URL || URL_DEFAULT));
  return { ...access, command: { name, url } };
}

function failOver(values: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly source?: string | undefined;
  readonly lost?: boolean | undefined;
  readonly wait?: string | undefined;
}): RegionCommand {
  const { source, to, from, lost: isLost = false, wait = String(WAIT_SECONDS) } = values;
  if (source === undefined) throw new Error('--source is missing: the alias of the region that is left');
  if (to === undefined) throw new Error('--to is missing: the URL of the region that takes over');
  if ((from === undefined) !== isLost)
    throw new Error('either --from or --lost says how the other region is');
  if (!/^\d{1,6}$/.test(wait)) throw new Error(`--wait must be a number of seconds, not '${wait}'`);
  return {
    name: 'fail-over',
    source,
    isLost,
    to: checkedUrl('--to', to),
    from: from === undefined ? '' : checkedUrl('--from', from),
    waitMs: Number(wait) * 1_000,
  };
}

function checkedUrl(option: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new Error(`${option} must be a URL with http or https, not '${text}'`);
}
