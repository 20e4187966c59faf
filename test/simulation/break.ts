import type { Rules } from '../../lib/rules.ts';
import type { Profile } from './profile.ts';
import type { Violation } from './violation.ts';

/** Conditions under which the absence of a rule does harm soon. With the rule in force they do none. */
export interface Break {
  /** What is turned off. @default the rule with the break's name */
  readonly rules?: readonly (keyof Rules)[];
  /** What is broken then: any of these tells. */
  readonly shows: readonly Violation['invariant'][];
  /** And says so, where one invariant may break in several ways. */
  readonly says?: RegExp;
  readonly conditions: Partial<Profile>;
}
