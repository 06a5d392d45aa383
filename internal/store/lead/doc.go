// Package lead makes one of the servers on a PostgreSQL database the one that
// drives: a lease in a row of the database, by the database's clock.
//
//	every 500 ms, one exchange:  I am here ─► drover_members
//	                             claim, or renew ─► drover_lead {holder, term, expires}
//	                             who leads, who else is here ◄─
//
//	Held    for 4 s from the moment at which the last renewal was asked for
//	Sure    waits until it is held for 2 s more; an error once another has it
//
// A holder counts from before its request, the database from after it, so that a
// holder stops being sure before anybody else can have the lease. A holder that
// could not renew in time and finds that nobody else has had the lease since goes
// on as if nothing had been.
//
// A server takes a lease that has run out only if its holder knew of it: it was
// here when the holder last renewed. Otherwise it waits five minutes more, because
// a holder that believes to be alone lets its jobs go on while the database does
// not answer.
//
// A member's name is one process's: the connection that renews has it as an
// advisory lock, which the database frees once it hears nothing for 5 s. So a
// process may take up at once what an earlier one of its name has left.
package lead
