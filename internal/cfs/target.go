package cfs

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/fault"
)

// TargetDefinition says where a session's inventory comes from.
type TargetDefinition string

// The definitions.
const (
	TargetDynamic TargetDefinition = "dynamic" // from HSM: groups, partitions, roles
	TargetImage   TargetDefinition = "image"   // images of IMS, by id
	TargetSpec    TargetDefinition = "spec"    // the groups in the session
	TargetRepo    TargetDefinition = "repo"    // the additional inventory alone
)

// TargetGroup is an inventory group with its hosts or image ids.
type TargetGroup struct {
	Name    string   `json:"name" doc:"Name of the group"`
	Members []string `json:"members" nullable:"false" doc:"Host names, or image ids for target definition image"`
}

// ImageName names the image that customizing another one makes.
type ImageName struct {
	SourceID   string `json:"source_id" doc:"Id of the image in the target groups"`
	ResultName string `json:"result_name" doc:"Name of the image that results"`
}

// Target is what a session configures.
type Target struct {
	Definition TargetDefinition `json:"definition"`
	Groups     []TargetGroup    `json:"groups"`
	ImageMap   []ImageName      `json:"image_map"`
}

// inventoryName is what Ansible takes for a name as it stands: it would evaluate a
// template on the machine that runs the session, and multiply a range.
var inventoryName = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_.:-]*$`)

// maxInventoryName is in characters. A bound within the expression would have it
// compiled to as many copies, each time that a program of Drover starts.
const maxInventoryName = 253

func isInventoryName(text string) bool {
	return inventoryName.MatchString(text) && utf8.RuneCountInString(text) <= maxInventoryName
}

func noInventoryName(text string) string {
	if len(text) > 64 {
		text = text[:64] + "..."
	}
	return fmt.Sprintf("%q cannot stand in an inventory: expected letters, digits, '_', '.', ':' and '-', %d at most", text, maxInventoryName)
}

// check tells what is wrong with the target, if anything.
func (t Target) check() error {
	switch t.Definition {
	case TargetDynamic, TargetRepo:
		if len(t.Groups) > 0 {
			return fault.New(fault.Invalid, "target.groups must be empty for target definition '%s'", t.Definition)
		}
		return nil
	case TargetImage, TargetSpec:
	default:
		return fault.New(fault.Invalid, "target.definition must be dynamic, image, spec or repo, not '%s'", t.Definition)
	}
	if len(t.Groups) == 0 {
		return fault.New(fault.Invalid, "target.groups must name at least one group for target definition '%s'", t.Definition)
	}
	var bad []string
	for _, g := range t.Groups {
		if !isInventoryName(g.Name) {
			return fault.New(fault.Invalid, "target.groups: name %s", noInventoryName(g.Name))
		}
		if len(g.Members) == 0 {
			return fault.New(fault.Invalid, "target.groups: group '%s' must have members", g.Name)
		}
		for _, m := range g.Members {
			if strings.TrimSpace(m) == "" {
				return fault.New(fault.Invalid, "target.groups: group '%s' has a blank member", g.Name)
			}
			if t.Definition == TargetSpec && !isInventoryName(m) {
				return fault.New(fault.Invalid, "target.groups: group '%s': member %s", g.Name, noInventoryName(m))
			}
			if t.Definition == TargetImage && uuid.Validate(m) != nil {
				bad = append(bad, m)
			}
		}
	}
	if len(bad) > 0 {
		return fault.New(fault.Invalid, "target.groups: members must be image ids (UUIDs); these are not: %s", strings.Join(bad, ", "))
	}
	for _, m := range t.ImageMap { // IMS refuses such a name when the session runs
		if err := fault.CheckName("target.image_map: result_name", m.ResultName); err != nil {
			return err
		}
	}
	return nil
}

// images are those that the target customizes, each once, in the spelling that
// IMS has.
func (t Target) images() (out []JobImage) {
	if t.Definition != TargetImage {
		return nil
	}
	results := map[string]string{}
	for _, m := range t.ImageMap {
		results[imageID(m.SourceID)] = m.ResultName
	}
	seen := map[string]bool{}
	for _, g := range t.Groups {
		for _, m := range g.Members {
			if id := imageID(m); !seen[id] {
				seen[id] = true
				out = append(out, JobImage{ID: id, Result: results[id]})
			}
		}
	}
	return out
}

// named are the groups with their images in that spelling; nil if there are none.
func (t Target) named() []TargetGroup {
	if len(t.Groups) == 0 {
		return nil
	}
	if t.Definition != TargetImage {
		return t.Groups
	}
	out := make([]TargetGroup, len(t.Groups))
	for i, g := range t.Groups {
		out[i].Name = g.Name
		for _, m := range g.Members {
			out[i].Members = append(out[i].Members, imageID(m))
		}
	}
	return out
}

// imageID is the one spelling of an image's ID; what is none stays as it is.
func imageID(text string) string {
	if id, err := uuid.Parse(text); err == nil {
		return id.String()
	}
	return text
}
