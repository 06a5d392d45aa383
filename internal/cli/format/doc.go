// Package format prints what a service answered: JSON, YAML or TOML, with the
// members of objects in the server's order.
package format
