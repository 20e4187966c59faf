export { type ParameterOptions, readParameter, ssmClient } from './parameter.ts';
