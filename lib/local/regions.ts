import { join } from 'node:path';
import type { EngineParts } from '../engine-parts.ts';
import type { Sources } from '../replication/source-region.ts';
import { type LocalNode, type LocalNodeOptions, startLocalNode } from './node.ts';

/** A node of each region in this process: a place to try flows, fail-over and fail-back at. */
export interface LocalRegions {
  readonly nodes: readonly LocalNode[];
  close(): Promise<void>;
}

/**
 * Starts a node for each alias: its data in a directory of that name below `dataDir`, its port the next one behind the one
 * before. Each knows the others as sources of its flows. Throws as `startLocalNode` does; then nothing stays open.
 */
export async function startLocalRegions(
  options: LocalNodeOptions,
  aliases: readonly string[],
): Promise<LocalRegions> {
  const open = new Map<string, EngineParts>();
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const sources: Sources = async (alias) => {
    await started;
    return open.get(alias);
  };
  const nodes: LocalNode[] = [];
  const close = async (): Promise<void> => {
    start();
    // None may still be copied from when it closes.
    await Promise.all(nodes.map((node) => node.stopCopying()));
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    for (const [number, alias] of aliases.entries()) {
      const node = await startLocalNode({
        ...options,
        port: options.port === 0 ? 0 : options.port + number,
        dataDir: join(options.dataDir, alias),
        region: { alias, number, sources },
      });
      nodes.push(node);
      open.set(alias, node.parts);
    }
  } catch (error) {
    await close();
    throw error;
  }
  start();
  return { nodes, close };
}
