// Package kafka carries messages that are committed with a record of the
// database through a topic of Apache Kafka, in order for each key and at least
// once.
//
//	record + message ── one transaction ──► outbox (store.Queue)
//	                                          │  Relay: oldest first; a row goes after the broker has it
//	                                          ▼
//	                                        topic (the key chooses the partition)
//	                                          │  Queue: group of consumers
//	                                          ▼
//	                    Due ──► whoever handles it ──► Done ──► the offset is committed
//
// Whatever ends in the middle is repeated: a relay that dies between the
// broker's word and the deletion of the row sends again, a consumer that dies
// before Done is handed the message again. Handlers have to be idempotent. While
// no broker answers, messages wait in the outbox.
package kafka
