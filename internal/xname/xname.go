package xname

import "strings"

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
	num func(number string) bool
}{
	"s":       {System, digitIn('0', '0')},
	"x":       {Cabinet, upTo4},
	"xc":      {Chassis, chassis},
	"xcb":     {ChassisBMC, digitIn('0', '0')},
	"xcbi":    {"ChassisBMCNic", digit0to3},
	"xct":     {"CMMRectifier", digit},
	"xcf":     {"CMMFpga", digitIn('0', '0')},
	"xcs":     {ComputeModule, anyNumber},
	"xcr":     {RouterModule, anyNumber},
	"xcrb":    {RouterBMC, anyNumber},
	"xcrbi":   {"RouterBMCNic", digit0to3},
	"xcrv":    {"RouterPowerConnector", oneOrTwo},
	"xcre":    {HSNBoard, anyNumber},
	"xcra":    {"HSNAsic", digit0to3},
	"xcral":   {"HSNLink", anyNumber},
	"xcrj":    {"HSNConnector", positive},
	"xcrjp":   {"HSNConnectorPort", digitIn('0', '2')},
	"xcrf":    {"RouterFpga", digitIn('0', '1')},
	"xcrt":    {"RouterTOR", anyNumber},
	"xcrtf":   {"RouterTORFpga", digitIn('0', '1')},
	"xcsb":    {NodeBMC, anyNumber},
	"xcsbi":   {"NodeBMCNic", digit0to3},
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
	"xcsbf":   {"NodeFpga", digitIn('0', '0')},
	"xcse":    {NodeEnclosure, anyNumber},
	"xcset":   {"NodeEnclosurePowerSupply", anyNumber},
	"xcsj":    {"NodePowerConnector", oneOrTwo},
	"xcsv":    {"NodePowerConnector", oneOrTwo},
	"xcw":     {MgmtSwitch, positive},
	"xcwj":    {"MgmtSwitchConnector", positive},
	"xch":     {"MgmtHLSwitchEnclosure", positive},
	"xchs":    {HLSwitch, digitIn('1', '9')},
	"xb":      {"CabinetBMC", digitIn('0', '0')},
	"xe":      {"CEC", digitIn('0', '1')},
	"xd":      {"CabinetCDU", digitIn('0', '1')},
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
	digit     = digitIn('0', '9')
	digit0to3 = digitIn('0', '3')
	oneOrTwo  = digitIn('1', '2')
	chassis   = digitIn('0', '7')
)

func digitIn(first, last byte) func(string) bool {
	return func(n string) bool { return len(n) == 1 && first <= n[0] && n[0] <= last }
}

func anyNumber(string) bool  { return true }
func positive(n string) bool { return n[0] != '0' }
func upTo4(n string) bool    { return len(n) <= 4 }

// maxDigits is what a number has at most; the published patterns mostly do not say.
const maxDigits = 9

// next splits the first letters and the number behind them from s; ok is false
// if s does not begin with both.
func next(s string) (letters, number, rest string, ok bool) {
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	j := i
	for j < len(s) && '0' <= s[j] && s[j] <= '9' {
		j++
	}
	return s[:i], s[i:j], s[j:], i > 0 && j > i
}

// Normalize trims blanks, lower-cases, and strips leading zeros from every
// number. It does not check that the result is an xname.
func Normalize(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if isHardPartition(s) {
		major, minor, _ := strings.Cut(s[1:], ".")
		return "p" + stripZeros(major) + "." + stripZeros(minor)
	}
	zeros := false
	for rest := s; rest != ""; {
		_, number, behind, ok := next(rest)
		if !ok {
			return s
		}
		zeros = zeros || number[0] == '0' && len(number) > 1
		rest = behind
	}
	if !zeros {
		return s
	}
	var out strings.Builder
	for rest := s; rest != ""; {
		letters, number, behind, _ := next(rest)
		out.WriteString(letters)
		out.WriteString(stripZeros(number))
		rest = behind
	}
	return out.String()
}

func stripZeros(number string) string {
	for len(number) > 1 && number[0] == '0' {
		number = number[1:]
	}
	return number
}

// TypeOf is the type of a normalised name, Invalid if its shape is none.
func TypeOf(s string) Type {
	if t, ok := pseudo[s]; ok {
		return t
	}
	if isHardPartition(s) {
		if len(s) > len("p.")+2*maxDigits {
			return Invalid
		}
		return Partition
	}
	letters := make([]byte, 0, 16)
	for rest := s; rest != ""; {
		word, number, behind, ok := next(rest)
		if !ok || len(number) > maxDigits {
			return Invalid
		}
		letters = append(letters, word...)
		if p, known := patterns[string(letters)]; known && !p.num(number) {
			return Invalid
		}
		rest = behind
	}
	return patterns[string(letters)].typ
}

// isHardPartition tells names such as p1.2.
func isHardPartition(s string) bool {
	letters, _, rest, ok := next(s)
	if !ok || letters != "p" || len(rest) < 2 || rest[0] != '.' {
		return false
	}
	return strings.Trim(rest[1:], "0123456789") == ""
}

var pseudo = map[string]Type{"all": "All", "all_comp": "AllComp", "all_svc": "AllSvc"}

// IsNode tells whether the normalised name is that of a node.
func IsNode(s string) bool { return TypeOf(s) == Node }

// Parent strips the last letters and number: the parent of x1c0s0b0n0 is
// x1c0s0b0, that of x1 or d0 is s0, that of p1.2 is p1. The others that begin
// a chain of their own (s0, p0, sms0, all) have none, nor has a name that does
// not end in letters and a number.
func Parent(s string) string {
	if isHardPartition(s) {
		return s[:strings.IndexByte(s, '.')]
	}
	front := strings.TrimRight(s, "0123456789")
	p := strings.TrimRight(front, "abcdefghijklmnopqrstuvwxyz")
	switch {
	case p == "" && (TypeOf(s) == Cabinet || TypeOf(s) == "CDU"):
		return "s0"
	case front == s || p == front: // no number, or no letters before it
		return ""
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
