import type { DeployedRegion } from './regions.ts';

const functionsOf = ({ outputs }: DeployedRegion): readonly string[] =>
  Object.entries(outputs).flatMap(([name, value]) => (name.endsWith('FunctionName') ? [value] : []));

/** From now on nobody may read it; its own API goes on. */
export const cutOff = ({ aws, sourceRoleName }: DeployedRegion): Promise<void> => aws.deny(sourceRoleName);

/** None of its functions runs any more, its API and its replicator among them, and nobody may read it. */
export async function lose(region: DeployedRegion): Promise<void> {
  await region.aws.deny(region.sourceRoleName);
  await Promise.all(functionsOf(region).map((name) => region.aws.limitCalls(name, 0)));
}

/** Harmless where it is there. */
export async function bringBack(region: DeployedRegion): Promise<void> {
  await Promise.all(functionsOf(region).map((name) => region.aws.limitCalls(name, undefined)));
  // There is nothing to be taken back from a role that was not denied.
  await region.aws.allow(region.sourceRoleName).catch(() => undefined);
}
