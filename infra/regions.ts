import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NewFlow } from '../lib/flows.ts';
import { LIMITS } from '../lib/limits.ts';
import { arrayOf, type Fields, fieldsOf } from './json-settings.ts';

/** One deployment of several that copy from each other. */
export interface RegionSettings {
  /** What flows, remote topics and MirrorMaker's tools call it. */
  readonly alias: string;
  /** Of AWS. */
  readonly region: string;
  /** @default - the account that is deployed with */
  readonly account?: string;
  readonly stackName: string;
  /** ⚑ Its own for ever: it is part of every producer id that was made there. */
  readonly number: number;
}

export interface FlowSettings extends NewFlow {
  /** Alias of the region that copies. */
  readonly target: string;
}

export interface RegionsSettings {
  readonly regions: readonly RegionSettings[];
  readonly flows: readonly FlowSettings[];
}

/** What one stack knows of the regions. */
export interface StackRegions {
  readonly own: RegionSettings;
  readonly others: readonly RegionSettings[];
  /** Those into its own region. */
  readonly flows: readonly NewFlow[];
}

const REGIONS_MAX = 16;
const NUMBER_MAX = LIMITS.regionsMax - 1;
/** A function's variables are 4 KB together (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const FLOWS_BYTES_MAX = 2_000;
const REGION_FIELDS = ['alias', 'region', 'account', 'stackName', 'number'] as const;
const FLOW_FIELDS = [
  'source',
  'target',
  'policy',
  'separator',
  'topics',
  'topicsExclude',
  'groups',
  'groupsExclude',
  'start',
  'relays',
] as const;

/**
 * Reads the setting `regions`: an object `{regions: […], flows: […]}`, as JSON, or `@` and the path of a file with it. Throws
 * an error that names the place, and what may stand there. What a flow's fields may be is checked when it begins to run.
 */
export function readRegions(value: unknown, stackName: string): RegionsSettings {
  const fields = fieldsOf(parsed(value), 'regions', ['regions', 'flows']);
  const regions = arrayOf(fields.regions, 'regions.regions').map((entry, index) =>
    readRegion(entry, { at: `regions.regions[${index}]`, stackName }),
  );
  if (regions.length < 2 || regions.length > REGIONS_MAX) {
    throw new Error(`regions.regions: from 2 to ${REGIONS_MAX} of them; got ${regions.length}`);
  }
  for (const name of ['alias', 'number'] as const) {
    const values = regions.map((region) => region[name]);
    if (new Set(values).size < values.length) {
      throw new Error(`regions.regions: each needs a ${name} of its own; got ${values.join(', ')}`);
    }
  }
  const named = regions.filter(({ account }) => account !== undefined);
  if (named.length > 0 && named.length < regions.length) {
    throw new Error('regions.regions: either all name their account, or none does');
  }
  const places = regions.map(({ account, region, stackName: name }) => `${account ?? ''} ${region} ${name}`);
  if (new Set(places).size < places.length) {
    throw new Error('regions.regions: two of them would be one stack: same account, region and stackName');
  }
  const aliases = regions.map(({ alias }) => alias);
  const flows = arrayOf(fields.flows ?? [], 'regions.flows').map((entry, index) =>
    readFlow(entry, { at: `regions.flows[${index}]`, aliases }),
  );
  checkFlows(flows);
  return { regions, flows };
}

/** As the stack of `own` sees it. */
export function regionsOf({ regions, flows }: RegionsSettings, own: RegionSettings): StackRegions {
  return {
    own,
    others: regions.filter((one) => one !== own),
    flows: flows.filter(({ target }) => target === own.alias).map(({ target: _, ...flow }) => flow),
  };
}

/** What a function has to know of the region that it is in. */
export function regionVariables(regions: StackRegions | undefined): Readonly<Record<string, string>> {
  if (regions === undefined) return {};
  const { alias, number } = regions.own;
  return { MILLRACE_REGION: alias, MILLRACE_REGION_NUMBER: String(number) };
}

/** What the function that manages flows has to know of the other regions. No alias has a space. */
export function otherRegionVariables(regions: StackRegions | undefined): Readonly<Record<string, string>> {
  if (regions === undefined) return {};
  return { MILLRACE_OTHER_REGIONS: regions.others.map(({ alias }) => alias).join(' ') };
}

/** The same in every stack, so that they can refer to each other before all of them are there. */
export const regionNames = {
  /** Role of this region that others may take to read it. */
  sourceRole: (region: RegionSettings): string => bounded(`${region.stackName}-source-${region.alias}`),
  /** Function of this region that copies into it, and its role. */
  replicator: (region: RegionSettings): string => bounded(`${region.stackName}-replicator-${region.alias}`),
  /** Role of the function that translates positions into this region. */
  translator: (region: RegionSettings): string => bounded(`${region.stackName}-translator-${region.alias}`),
  /** Parameter of this region that tells where its data lies. */
  storageParameter: (region: RegionSettings): string =>
    `/millrace/${region.stackName}/${region.alias}/storage`,
};

/** Roles and functions have names of up to 64 characters; an alias may have a dot, which functions' names may not. */
function bounded(name: string): string {
  if (name.length <= 64 && /^[\w-]+$/.test(name)) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.replace(/[^\w-]/g, '-').slice(0, 55)}-${hash}`;
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.startsWith('@') ? readFileSync(value.slice(1), 'utf8') : value;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('regions: JSON, or @ and the path of a JSON file; this is no JSON', { cause });
  }
}

function readRegion(
  entry: unknown,
  { at, stackName }: { readonly at: string; readonly stackName: string },
): RegionSettings {
  const fields = fieldsOf(entry, at, REGION_FIELDS);
  const region = textOf(fields, 'region', {
    at,
    pattern: /^[a-z]{2}(-[a-z]+)+-\d$/,
    what: 'a region of AWS',
  });
  const { account, number } = fields;
  if (!Number.isSafeInteger(number) || Number(number) < 0 || Number(number) > NUMBER_MAX) {
    const what = `a whole number from 0 to ${NUMBER_MAX}, which never changes; a stack that is there already has 0`;
    throw new Error(`${at}.number: ${what}; got ${JSON.stringify(number)}`);
  }
  return {
    region,
    number: Number(number),
    alias: textOf({ alias: region, ...fields }, 'alias', {
      at,
      pattern: /^[a-zA-Z0-9._-]{1,100}$/,
      what: "letters, digits, '.', '_' and '-'",
    }),
    stackName: textOf({ stackName, ...fields }, 'stackName', {
      at,
      pattern: /^[A-Za-z][A-Za-z0-9-]{0,127}$/,
      what: 'letters, digits and hyphens, a letter first',
    }),
    ...(account === undefined
      ? {}
      : { account: textOf(fields, 'account', { at, pattern: /^\d{12}$/, what: 'twelve digits, as text' }) }),
  };
}

function readFlow(
  entry: unknown,
  { at, aliases }: { readonly at: string; readonly aliases: readonly string[] },
): FlowSettings {
  const fields = fieldsOf(entry, at, FLOW_FIELDS);
  for (const end of ['source', 'target'] as const) {
    if (typeof fields[end] === 'string' && aliases.includes(fields[end])) continue;
    throw new Error(`${at}.${end}: one of ${aliases.join(', ')}; got ${JSON.stringify(fields[end])}`);
  }
  if (fields.source === fields.target) throw new Error(`${at}: a region cannot copy from itself`);
  for (const relay of fields.relays === undefined ? [] : arrayOf(fields.relays, `${at}.relays`)) {
    if (typeof relay === 'string' && aliases.includes(relay)) continue;
    throw new Error(`${at}.relays: some of ${aliases.join(', ')}; got ${JSON.stringify(relay)}`);
  }
  return fields as unknown as FlowSettings;
}

function checkFlows(flows: readonly FlowSettings[]): void {
  const ends = flows.map(({ source, target }) => `${source} to ${target}`);
  const twice = ends.find((one, index) => ends.indexOf(one) < index);
  if (twice !== undefined) throw new Error(`regions.flows: there are two from ${twice}`);
  for (const { target } of flows) {
    const bytes = Buffer.byteLength(JSON.stringify(flows.filter((flow) => flow.target === target)));
    if (bytes > FLOWS_BYTES_MAX) {
      const most = `at most ${FLOWS_BYTES_MAX} bytes of them for one target`;
      throw new Error(`regions.flows: ${most}; those into ${target} have ${bytes}`);
    }
  }
}

function textOf(
  fields: Fields,
  name: string,
  { at, pattern, what }: { readonly at: string; readonly pattern: RegExp; readonly what: string },
): string {
  const value = fields[name];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new Error(`${at}.${name}: ${what}; got ${JSON.stringify(value)}`);
}
