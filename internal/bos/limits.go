package bos

import (
	"fmt"
	"regexp"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// What is checked without the schema too; there lengths are in bytes.
const (
	maxComponentID       = 127
	maxConfigurationName = 127
	maxName              = 127
	maxPath              = 4095
	maxToken             = 65535
	maxWords             = 65536
)

// namePattern is that of sessions, templates and boot sets.
var namePattern = regexp.MustCompile(fmt.Sprintf(`^[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,%d}[a-zA-Z0-9])?$`, maxName-2))

const meansName = "made of letters, digits, -, . and _, with a letter or digit at both ends"

func validName(s string) bool { return namePattern.MatchString(s) }

// limits are those of the published interface that hold for more than one field
// or parameter, by the name that tags give as the format. What holds for one
// alone stands in its tags.
var limits = httpapi.Limits{
	"age":                {Pattern: `^(0|0[mMhHdDwW]|[1-9][0-9]*[mMhHdDwW])$`, Means: "0, or a number of minutes, hours, days or weeks, such as 7d", Min: 1, Max: 8},
	"attempts":           {Max: 1 << 20},
	"component-id":       {Max: maxComponentID},
	"configuration-name": {Max: maxConfigurationName},
	"description":        {Min: 1, Max: 1023},
	// hsm-name is a component's, a group's or a role's name.
	"hsm-name":          {Min: 1, Max: 127},
	"kernel-parameters": {Max: bootset.MaxKernelParameters},
	"name":              {Pattern: namePattern.String(), Means: meansName, Max: maxName},
	"name-or-none":      {Pattern: `^$|` + namePattern.String(), Means: meansName, Max: maxName},
	// node-expression is a limit, or a list of nodes, comma-separated.
	"node-expression": {Max: bootset.MaxLimit},
	"path":            {Max: maxPath},
	"read-timeout":    {Min: 10, Max: 86400},
	"seconds":         {Max: 1 << 20},
	"tenant-name":     {Max: httpapi.MaxTenantName},
	"time":            {Max: 127},
	"token":           {Max: maxToken},
	"version-number":  {Pattern: `^(0|[1-9][0-9]*)$`, Means: "a whole number"},
	// words are an error, or a status that replaces the computed one.
	"words": {Max: maxWords},
}
