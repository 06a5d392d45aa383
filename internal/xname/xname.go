package xname

import (
	"regexp"
	"strings"
)

// Type is the kind of component that a name's shape tells, spelled as the
// Hardware State Manager spells it. The zero Type is no xname.
type Type string

// The types that Drover's own rules mention.
const (
	Invalid       Type = ""
	System        Type = "System"
	Cabinet       Type = "Cabinet"
	Chassis       Type = "Chassis"
	ChassisBMC    Type = "ChassisBMC"
	ComputeModule Type = "ComputeModule"
	RouterModule  Type = "RouterModule"
	RouterBMC     Type = "RouterBMC"
	HSNBoard      Type = "HSNBoard"
	NodeBMC       Type = "NodeBMC"
	Node          Type = "Node"
	VirtualNode   Type = "VirtualNode"
	NodeEnclosure Type = "NodeEnclosure"
	PDUController Type = "CabinetPDUController"
	PDUOutlet     Type = "CabinetPDUOutlet"
	PDUConnector  Type = "CabinetPDUPowerConnector"
	MgmtSwitch    Type = "MgmtSwitch"
	HLSwitch      Type = "MgmtHLSwitch"
	CDUMgmtSwitch Type = "CDUMgmtSwitch"
	Partition     Type = "Partition"
)

// patterns maps the letters of a name, in order, to the type and the ordinals
// that it allows. "xcsbn" is x#c#s#b#n#.
var patterns = map[string]struct {
	typ Type
	num *regexp.Regexp
}{
	"s":       {System, only("0")},
	"x":       {Cabinet, upTo4},
	"xc":      {Chassis, chassis},
	"xcb":     {ChassisBMC, only("0")},
	"xcbi":    {"CMMNic", digit0to3},
	"xct":     {"CMMRectifier", digit},
	"xcf":     {"CMMFpga", only("0")},
	"xcs":     {ComputeModule, anyNumber},
	"xcr":     {RouterModule, anyNumber},
	"xcrb":    {RouterBMC, anyNumber},
	"xcre":    {HSNBoard, anyNumber},
	"xcra":    {"HSNAsic", digit0to3},
	"xcral":   {"HSNLink", anyNumber},
	"xcrj":    {"HSNConnector", positive},
	"xcrjp":   {"HSNConnectorPort", regexp.MustCompile(`^[0-2]$`)},
	"xcrf":    {"RouterFpga", regexp.MustCompile(`^[01]$`)},
	"xcrt":    {"RouterTOR", anyNumber},
	"xcsb":    {NodeBMC, anyNumber},
	"xcsbn":   {Node, anyNumber},
	"xcsbnv":  {VirtualNode, anyNumber},
	"xcsbnp":  {"Processor", digit0to3},
	"xcsbnd":  {"Memory", anyNumber},
	"xcsbna":  {"NodeAccel", anyNumber},
	"xcsbnr":  {"NodeAccelRiser", chassis},
	"xcsbni":  {"NodeNic", digit0to3},
	"xcsbnh":  {"NodeHsnNic", digit0to3},
	"xcsbng":  {"StorageGroup", anyNumber},
	"xcsbngk": {"Drive", anyNumber},
	"xcsbf":   {"NodeFpga", only("0")},
	"xcse":    {NodeEnclosure, anyNumber},
	"xcset":   {"NodeEnclosurePowerSupply", anyNumber},
	"xcsj":    {"NodePowerConnector", oneOrTwo},
	"xcsv":    {"NodePowerConnector", oneOrTwo},
	"xcw":     {MgmtSwitch, positive},
	"xcwj":    {"MgmtSwitchConnector", positive},
	"xch":     {"MgmtHLSwitchEnclosure", positive},
	"xchs":    {HLSwitch, regexp.MustCompile(`^[1-9]$`)},
	"xb":      {"CabinetBMC", only("0")},
	"xe":      {"CEC", regexp.MustCompile(`^[01]$`)},
	"xd":      {"CabinetCDU", regexp.MustCompile(`^[01]$`)},
	"xm":      {PDUController, digit0to3},
	"xmi":     {"CabinetPDUNic", digit0to3},
	"xmp":     {"CabinetPDU", chassis},
	"xmpj":    {PDUOutlet, positive},
	"xmpv":    {PDUConnector, positive},
	"d":       {"CDU", anyNumber},
	"dw":      {CDUMgmtSwitch, anyNumber},
	"sms":     {"SMSBox", anyNumber},
	"p":       {Partition, anyNumber},
}

var (
	anyNumber = regexp.MustCompile(`^\d+$`)
	digit     = regexp.MustCompile(`^\d$`)
	digit0to3 = regexp.MustCompile(`^[0-3]$`)
	oneOrTwo  = regexp.MustCompile(`^[12]$`)
	chassis   = regexp.MustCompile(`^[0-7]$`)
	positive  = regexp.MustCompile(`^[1-9]\d*$`)
	upTo4     = regexp.MustCompile(`^\d{1,4}$`)

	whole = regexp.MustCompile(`^(?:[a-z]+\d+)+$`)
	part  = regexp.MustCompile(`([a-z]+)(\d+)`)
	hard  = regexp.MustCompile(`^p\d+\.\d+$`)
)

func only(s string) *regexp.Regexp { return regexp.MustCompile("^" + s + "$") }

// Normalize trims blanks, lower-cases, and strips leading zeros from every
// number. It does not check that the result is an xname.
func Normalize(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if !whole.MatchString(s) {
		return s
	}
	return part.ReplaceAllStringFunc(s, func(p string) string {
		m := part.FindStringSubmatch(p)
		n := strings.TrimLeft(m[2], "0")
		if n == "" {
			n = "0"
		}
		return m[1] + n
	})
}

// TypeOf is the type of a normalised name, Invalid if its shape is none.
func TypeOf(s string) Type {
	if t, ok := pseudo[s]; ok {
		return t
	}
	if hard.MatchString(s) {
		return Partition
	}
	if !whole.MatchString(s) {
		return Invalid
	}
	letters, last := "", ""
	for _, m := range part.FindAllStringSubmatch(s, -1) {
		letters, last = letters+m[1], m[2]
		if p, known := patterns[letters]; known && !p.num.MatchString(last) {
			return Invalid
		}
	}
	return patterns[letters].typ
}

var pseudo = map[string]Type{"all": "All", "all_comp": "AllComp", "all_svc": "AllSvc"}

// IsNode tells whether the normalised name is that of a node.
func IsNode(s string) bool { return TypeOf(s) == Node }

// Parent strips the last letters and number: the parent of x1c0s0b0n0 is
// x1c0s0b0, that of x1 is s0, that of s0 is empty.
func Parent(s string) string {
	if s == "s0" {
		return ""
	}
	p := strings.TrimRight(strings.TrimRight(s, "0123456789"), "abcdefghijklmnopqrstuvwxyz")
	if p == "" {
		return "s0"
	}
	return p
}

// Within tells whether s is ancestor or one of its descendants.
func Within(s, ancestor string) bool {
	for ; s != ""; s = Parent(s) {
		if s == ancestor {
			return true
		}
	}
	return false
}
