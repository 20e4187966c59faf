import { App } from 'aws-cdk-lib';
import { MillraceStack } from './millrace-stack.ts';
import { readSettings } from './settings.ts';

const app = new App();
const { stackName, props } = readSettings((name) => app.node.tryGetContext(name));
new MillraceStack(app, stackName, props);
