package hsm

import (
	"regexp"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/fault"
)

// Values are the words that the fields of a component may hold, in their
// published spelling; input is matched in any letter case.
type Values struct {
	Arch    []string `json:"Arch,omitempty" doc:"Architectures"`
	Class   []string `json:"Class,omitempty" doc:"Classes"`
	Flag    []string `json:"Flag,omitempty" doc:"Flags"`
	NetType []string `json:"NetType,omitempty" doc:"Network types"`
	Role    []string `json:"Role,omitempty" doc:"Roles"`
	SubRole []string `json:"SubRole,omitempty" doc:"Subroles"`
	State   []string `json:"State,omitempty" doc:"States"`
	Type    []string `json:"Type,omitempty" doc:"Types of components"`
}

var values = Values{
	Arch:    []string{"X86", "ARM", "UNKNOWN", "Other"},
	Class:   []string{"River", "Mountain", "Hill"},
	Flag:    []string{"Unknown", "OK", "Warning", "Alert", "Locked"},
	NetType: []string{"Sling", "Infiniband", "Ethernet", "OEM", "None"},
	Role:    []string{"Compute", "Service", "System", "Application", "Storage", "Management"},
	SubRole: []string{"Master", "Worker", "Storage", "UAN", "Gateway", "LNETRouter", "Visualization", "UserDefined"},
	State:   []string{"Unknown", "Empty", "Populated", "Off", "On", "Standby", "Halt", "Ready"},
	Type: []string{"CDU", "CabinetCDU", "CabinetPDU", "CabinetPDUNic", "CabinetPDUOutlet", "CabinetPDUPowerConnector",
		"CabinetPDUController", "CabinetBMC", "Cabinet", "Chassis", "ChassisBMC", "ChassisBMCNic", "CMMRectifier", "CMMFpga", "CEC",
		"ComputeModule", "RouterModule", "NodeBMC", "NodeBMCNic", "NodeEnclosure", "NodeEnclosurePowerSupply", "NodePowerConnector",
		"HSNBoard", "MgmtSwitch", "MgmtSwitchConnector", "MgmtHLSwitchEnclosure", "MgmtHLSwitch", "CDUMgmtSwitch", "Node",
		"VirtualNode", "Processor", "Drive", "StorageGroup", "NodeNic", "NodeHsnNic", "Memory", "NodeAccel",
		"NodeAccelRiser", "NodeFpga", "HSNAsic", "RouterFpga", "RouterTOR", "RouterTORFpga", "RouterBMC", "RouterBMCNic",
		"RouterPowerConnector", "HSNLink", "HSNConnector", "HSNConnectorPort", "SMSBox", "System", "Partition"},
}

// siteWord is what a site may call its roles: they are names of Ansible groups.
var siteWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// AddRoles has the service know roles and sub-roles of the site beside the
// built-in ones. It is called before the service is used.
func (s *Service) AddRoles(roles, subRoles []string) error {
	for _, add := range []struct {
		field string
		given []string
		words *[]string
	}{{"Role", roles, &s.words.Role}, {"SubRole", subRoles, &s.words.SubRole}} {
		for _, word := range add.given {
			word = strings.TrimSpace(word) // after a comma
			if !siteWord.MatchString(word) {
				return fault.New(fault.Invalid, "%s '%s' is not valid, expected a letter and then up to 63 letters, digits, - or _", add.field, word)
			}
			if _, err := spelled(add.field, *add.words, word); err != nil {
				*add.words = append(slices.Clone(*add.words), word)
			}
		}
	}
	return nil
}

// spelled returns the published spelling of v, a word of the field.
func spelled(field string, words []string, v string) (string, error) {
	if field == "Flag" && strings.EqualFold(v, "warn") {
		return "Warning", nil
	}
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, v) })
	if i < 0 {
		return "", fault.New(fault.Invalid, "Argument was not a valid HMS %s: '%s', expected one of %s",
			field, v, strings.Join(words, ", "))
	}
	return words[i], nil
}

// spell is spelled in place; an empty field stays empty.
func spell(field string, words []string, v *string) error {
	if *v == "" {
		return nil
	}
	word, err := spelled(field, words, *v)
	*v = word
	return err
}

// SpellRole returns the published spelling of a role or subrole; another word
// stays as it is.
func SpellRole(word string) string {
	for _, words := range [][]string{values.Role, values.SubRole} {
		if s, err := spelled("Role", words, word); err == nil {
			return s
		}
	}
	return word
}
