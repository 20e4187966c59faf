import type { Call } from '../storage/call.ts';
import type { Page, Table } from '../storage/table.ts';

/** All items under one key, from behind `after` on, a page at a time; consistent. */
export async function* pagesOf(
  table: Table<string>,
  pk: string,
  options: { readonly limit: number; readonly after?: string | undefined },
  call: Call,
): AsyncGenerator<Page<string>> {
  let { after } = options;
  for (;;) {
    const from = after === undefined ? {} : { after };
    const page = await table.query(pk, { limit: options.limit, consistent: true, ...from }, call);
    yield page;
    after = page.items.at(-1)?.sk ?? after;
    if (!page.more) return;
  }
}
