import { afterAll, beforeAll, describe } from 'vitest';
import { claimsBut, type Gaps, type OpenTables } from './support.ts';
import { billingClaims } from './table-billing.ts';
import { conditionClaims } from './table-conditions.ts';
import { queryClaims } from './table-queries.ts';
import { valueClaims } from './table-values.ts';

export interface TableContractOptions {
  /** Claims this adapter is known not to keep, by their names, each with the reason. */
  readonly gaps?: Gaps;
  /**
   * Set where the receipt of an item larger than this many bytes is an estimate (an embedded store says what AWS would
   * charge, and there a large item is an object).
   */
  readonly exactBillingBytesMax?: number;
}

/**
 * Every sentence of the Table port, on one adapter. `open` is called once; every claim works under names of its own.
 * The adapter must be given the system clock, and no retries around it.
 */
export function describeTableContract(
  name: string,
  open: () => Promise<OpenTables> | OpenTables,
  options: TableContractOptions = {},
): void {
  describe(`the table contract on ${name}`, () => {
    let opened: OpenTables | undefined;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });
    const tables = (): OpenTables => {
      if (opened === undefined) throw new Error('the tables did not open');
      return opened;
    };
    const claim = claimsBut(options.gaps ?? {});

    conditionClaims(claim, tables);
    valueClaims(claim, tables);
    queryClaims(claim, tables);
    billingClaims(claim, tables, options.exactBillingBytesMax ?? Number.POSITIVE_INFINITY);
  });
}
