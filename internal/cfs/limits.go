package cfs

import "github.com/drover-hpc/drover/internal/httpapi"

// maxConfigurationName is in bytes where it is checked without the schema.
const maxConfigurationName = 60

const (
	// maxConfigurationNameV2 is in bytes: version 2 of the interface does not say how long
	// a name may be.
	maxConfigurationNameV2 = 253
	maxComponentID         = 127 // as in BOS
)

// limits are those of the published interface that hold for more than one field
// or parameter, by the name that tags give as the format. What holds for one
// alone stands in its tags.
var limits = httpapi.Limits{
	"age": {Pattern: `^(?:[0-9]+[mMhHdDwW]){0,1}$`, Means: "a number of minutes, hours, days or weeks, such as 7d", Max: 10},
	// ansible-config names the ConfigMap with Ansible's settings.
	"ansible-config":     {Max: 60},
	"at-least-one":       {Min: 1},
	"commit":             {Pattern: CommitPattern, Means: "a whole commit, 40 digits of 0-9 and a-f"},
	"configuration-name": {Max: maxConfigurationName},
	// git-word is what may be an argument of git and of Ansible.
	"git-word":     {Pattern: gitWord, Means: meansGitWord},
	"layer-name":   {Max: 45},
	"not-negative": {},
	"repository":   {Pattern: gitWord, Means: meansGitWord, Max: 240},
	// session-name is a DNS-1123 subdomain.
	"session-name": {Pattern: `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, Max: 45,
		Means: "made of a-z, 0-9, - and ., with a letter or digit at both ends and at both sides of each ."},
	"tenant-name": {Max: httpapi.MaxTenantName},
	"verbosity":   {Max: 4},
}

// CommitPattern is that of a whole commit, which needs no look at a repository.
const CommitPattern = `^[a-f0-9]{40}$`

const (
	gitWord      = `^[^\s;]*$`
	meansGitWord = "without blanks and semicolons"
)
