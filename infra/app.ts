import { App } from 'aws-cdk-lib';
import { MillraceStack } from './millrace-stack.ts';
import { readStacks } from './settings.ts';

const app = new App();
for (const { id, props } of readStacks((name) => app.node.tryGetContext(name))) {
  new MillraceStack(app, id, props);
}
