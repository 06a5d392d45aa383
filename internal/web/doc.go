// Package web is Drover in a browser: pages that are read without scripts, of
// embedded files alone. Its one page so far shows what CFS sessions did, where
// the link of a session's record leads:
//
//	/?label=SESSION ─┬─► cfs.Client ─► view ─► pages/*.html
//	/hosts?name=NODE ┘
package web
