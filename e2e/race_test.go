//go:build race

package e2e

func init() { buildFlags, testsAtOnce = append(buildFlags, "-race"), "" }
