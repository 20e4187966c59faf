import { type Api, ApiError } from './api.ts';
import type { FlowBody } from './region-state.ts';

const pathOf = (source: string): string => `/flows/${encodeURIComponent(source)}`;

/** Undefined: nothing is copied from there. Throws `ApiError`. */
export async function standingFlow(to: Api, source: string): Promise<FlowBody | undefined> {
  try {
    return await to.v3<FlowBody>('GET', pathOf(source));
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** Throws `ApiError`. */
export async function flowOf(to: Api, source: string): Promise<FlowBody> {
  try {
    return await to.v3<FlowBody>('GET', pathOf(source));
  } catch (error) {
    if (!isNotThere(error)) throw error;
    throw new ApiError(`nothing is copied from ${source} to ${to.name}: ${error.message}`, { cause: error });
  }
}

/** One that is there by then was created by an attempt whose answer was lost. */
export async function createFlow(
  to: Api,
  flow: { readonly source_region: string } & Readonly<Record<string, unknown>>,
): Promise<FlowBody> {
  try {
    return await to.v3<FlowBody>('POST', '/flows', flow);
  } catch (error) {
    const standing = error instanceof ApiError ? await standingFlow(to, flow.source_region) : undefined;
    if (standing === undefined || standing.policy !== flow.policy) throw error;
    return standing;
  }
}

export async function deleteFlow(to: Api, source: string): Promise<void> {
  await ifThere(() => to.v3('DELETE', pathOf(source)));
}

/** What is gone already need not be deleted. */
export async function ifThere(change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
}

function isNotThere(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}
