// Package measure is `drover bench`: what a machine does with a fleet of a
// size. Server and simulated nodes are processes of this binary, so that each
// tells its own processor time; this process is the administrator.
//
//	drover bench ─► drover serve ◄─┐ boot, reports
//	     │  ▲           │ Redfish  │
//	     │  └ sessions  └────► drover simulate
//	     └ looks at a session's status all the while
//
// Sessions are without configuration: what Ansible takes is Ansible's.
package measure
