export { type LambdaInvokerOptions, lambdaClient, lambdaInvoker } from './invoker.ts';
