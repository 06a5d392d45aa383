// Package v1 is version 1 of the Boot Orchestration Service: sessions that an
// agent of their own carries out, boot set by boot set.
//
//	POST session ─► Session ─► Agents ─► Executor: "drover boa run" (package boa)
//	                  │                      │ status calls of the published interface
//	                  └─ status tree ◄───────┘
//	                     session > boot set > phase > category > nodes
//
// Templates are those of version 2. A node belongs to one session at a time:
// when the agent reports a boot set for the first time, its nodes become the
// agent's (Engine.Agent of their components), but for those that version 2
// moves, which are excluded. Until the session is complete, the state machine
// of version 2 waits for it.
package v1
