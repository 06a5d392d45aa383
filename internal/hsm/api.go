package hsm

import "github.com/danielgtaylor/huma/v2"

// Register adds the operations to api; s may be nil when only their
// description is wanted.
func Register(api huma.API, s *Service) {}
