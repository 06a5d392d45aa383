// Package check reads the rules of alerts and the dashboard as Prometheus would. It is
// a module of its own: Drover does without Prometheus.
package check
