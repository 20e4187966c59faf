/** What an assignor is given of one topic. Members are named by their numbers, 0 is nobody. */
export interface TopicToAssign {
  /** One for each partition: who owns it, and who was to own it until now. */
  readonly owner: readonly number[];
  readonly target: readonly number[];
  /** At least one, in the roster's order. */
  readonly subscribers: readonly number[];
}

/** Who is to own what from now on: for each topic, one member for each partition. Pure. */
export type Assignor = (topics: readonly TopicToAssign[]) => readonly (readonly number[])[];
