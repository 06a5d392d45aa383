package cfs

import "github.com/drover-hpc/drover/internal/httpapi"

// maxConfigurationName is in bytes where it is checked without the schema.
const maxConfigurationName = 60

// limits are those of the published interface that hold for more than one field
// or parameter, by the name that tags give as the format. What holds for one
// alone stands in its tags.
var limits = httpapi.Limits{
	"age": {Pattern: `^(?:[0-9]+[mMhHdDwW]){0,1}$`, Max: 10},
	// ansible-config names the ConfigMap with Ansible's settings.
	"ansible-config":     {Max: 60},
	"at-least-one":       {Min: 1},
	"commit":             {Pattern: CommitPattern},
	"configuration-name": {Max: maxConfigurationName},
	// git-word is what may be an argument of git and of Ansible.
	"git-word":     {Pattern: gitWord},
	"layer-name":   {Max: 45},
	"not-negative": {},
	"repository":   {Pattern: gitWord, Max: 240},
	// session-name is a DNS-1123 subdomain.
	"session-name": {Pattern: `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, Max: 45},
	"tenant-name":  {Max: httpapi.MaxTenantName},
	"verbosity":    {Max: 4},
}

// CommitPattern is that of a whole commit, which needs no look at a repository.
const CommitPattern = `^[a-f0-9]{40}$`

const gitWord = `^[^\s;]*$`
