// Package check holds the Helm chart and `drover kubernetes manifests` to the same
// objects, by Helm's own engine. It is a module of its own for Helm's sake.
package check
