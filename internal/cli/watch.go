package cli

import "github.com/spf13/cobra"

func (a *app) watch() *cobra.Command    { return group("watch", "") }
func (a *app) explain() *cobra.Command  { return group("explain", "") }
func (a *app) discover() *cobra.Command { return group("discover", "") }
