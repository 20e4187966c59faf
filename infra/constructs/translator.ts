import type { Architecture } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { regionNames, regionVariables, type StackRegions } from '../regions.ts';
import { EngineFunction } from './engine-function.ts';
import type { LogStorage } from './log-storage.ts';
import { grantSources, readerRole, sourcesVariable } from './source-reader.ts';

export interface TranslatorProps {
  readonly regions: StackRegions;
  readonly storage: LogStorage;
  readonly architecture: Architecture;
  readonly timeoutSeconds: number;
  /** The share of requests that leave a line in the log. @default 0.01 */
  readonly logSampleRate?: number;
}

/**
 * Answers where a group of another region goes on here, which it reads there: the only function behind the API that may.
 * Other actions on groups come to it too, because the gateway cannot tell them apart.
 */
export class Translator extends Construct {
  readonly lambda: EngineFunction['lambda'];

  constructor(scope: Construct, id: string, props: TranslatorProps) {
    super(scope, id);
    const { regions, storage, architecture, timeoutSeconds, logSampleRate } = props;
    const description = 'Millrace: positions of groups, moved and translated';
    const { lambda } = new EngineFunction(this, 'Translator', {
      ...{ name: 'translator', description, storage, architecture, timeoutSeconds },
      role: readerRole(this, { name: regionNames.translator(regions.own), description }),
      environment: { ...regionVariables(regions), ...sourcesVariable(regions) },
      ...(logSampleRate === undefined ? {} : { logSampleRate }),
    });
    this.lambda = lambda;
    grantSources(regions, lambda);
  }
}
