import { Architecture } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { stackTemplate } from './stack-template.ts';

interface FunctionResource {
  readonly Properties: Readonly<Record<string, unknown>>;
}

const functionsIn = (template: ReturnType<typeof stackTemplate>): [string, FunctionResource][] =>
  Object.entries(template.findResources('AWS::Lambda::Function')) as [string, FunctionResource][];

const template = stackTemplate();
const onX86 = stackTemplate({ architecture: Architecture.X86_64 });
const functions = functionsIn(template);

describe('functions', () => {
  it('are seven: produce, fetch, groups, admin, planner, worker, sweeper', () => {
    expect(functions.map(([id]) => id.replace(/Function.*/, '')).sort()).toEqual([
      'Admin',
      'Fetch',
      'Groups',
      'Planner',
      'Produce',
      'Sweeper',
      'Worker',
    ]);
  });

  it.each(functions)(
    '%s runs Node 24 on arm64, with the names of its storage and its stack',
    (_, { Properties }) => {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Environment: {
          Variables: {
            MILLRACE_HOT_TABLE: { Ref: 'StorageHotBD6249BC' },
            MILLRACE_CATALOG_TABLE: { Ref: 'StorageCatalogBA94E8E8' },
            MILLRACE_BUCKET: { Ref: 'StorageBucket5CB7C8EA' },
            MILLRACE_STACK: 'Millrace',
          },
        },
      });
    },
  );

  it('is traced, all but the planner: its calls are all alike, and traces cost money', () => {
    const untraced = functions.filter(([, { Properties }]) => Properties.TracingConfig === undefined);
    expect(untraced.map(([id]) => id.replace(/Function.*/, ''))).toEqual(['Planner']);
  });

  it('answers requests within the 29 s that API Gateway waits', () => {
    const timeouts = functions.map(([id, { Properties }]) => [
      id.replace(/Function.*/, ''),
      Properties.Timeout,
    ]);
    expect(Object.fromEntries(timeouts)).toEqual({
      Produce: 29,
      Fetch: 29,
      Groups: 29,
      Admin: 29,
      Planner: 120,
      Worker: 300,
      Sweeper: 900,
    });
  });

  it('takes no concurrency away from the account: a new account has ten in all', () => {
    for (const [, { Properties }] of functions) {
      expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
  });

  it('logs into groups of its own, for two weeks', () => {
    const groups = Object.keys(template.findResources('AWS::Logs::LogGroup'));
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 14 });
    const used = functions.map(([, { Properties }]) => Properties.LoggingConfig);
    expect(used).toEqual(groups.map((id) => ({ LogGroup: { Ref: id } })));
  });

  it('runs on x86_64 where an emulator needs it', () => {
    for (const [, { Properties }] of functionsIn(onX86)) {
      expect(Properties.Architectures).toEqual(['x86_64']);
    }
  });
});
