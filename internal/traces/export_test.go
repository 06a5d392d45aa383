package traces

// MaxQueue is maxQueue.
const MaxQueue = maxQueue
