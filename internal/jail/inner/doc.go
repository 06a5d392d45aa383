// Package inner is process 1 of a cage: it builds what the command is to see,
// gives up all rights, starts the command and ends it when it uses too much.
//
// Its init takes the program over where that was started as Name. Like mount it
// imports the standard library alone, so that it comes before what else the program
// imports has been initialised: for each step of each session.
package inner
