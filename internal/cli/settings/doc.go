// Package settings is what the command line remembers between runs: named
// configurations, the active one, and tokens, all as files below
// $CRAY_CONFIG_DIR/.config/cray.
package settings
