/** Randomness and ids, passed in so that a simulation can replay them. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** 96 random bits as 16 base64url characters: versions, tokens, object names. */
  id(): string;
  /** 128 random bits as 22 base64url characters, never all zero: Kafka's printed form of a topic id. */
  uuid(): string;
}
