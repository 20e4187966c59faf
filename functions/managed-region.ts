import type { EngineParts } from '../lib/engine-parts.ts';
import type { HttpHandlerOptions } from '../lib/http/handler.ts';
import { openFlows } from '../lib/open-flows.ts';
import { openRegion } from '../lib/open-region.ts';
import type { FunctionEnvironment } from './environment.ts';

/** What may freeze the region, and flows into it where there are other regions. Where those lie is the replicator's to know. */
export function managedRegion(
  parts: EngineParts,
  { own, others }: FunctionEnvironment,
): Pick<HttpHandlerOptions, 'region' | 'flows'> {
  const region = openRegion(parts);
  if (own === undefined || others === undefined) return { region };
  const sources = async (alias: string): Promise<object | undefined> =>
    others.includes(alias) ? { alias } : undefined;
  return { region, flows: openFlows(parts, { region: own.alias, sources }) };
}
