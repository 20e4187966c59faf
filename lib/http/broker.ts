/** There are no brokers. Clients that ask for one are shown this one, which leads every partition. */
export const BROKER_ID = 0;
