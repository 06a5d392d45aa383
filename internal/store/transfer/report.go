package transfer

// Report is what was copied and how it compares.
type Report struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Result Result  `json:"result"`
	Rows   int64   `json:"rows"`
	Bytes  int64   `json:"bytes"`
	Tables []Table `json:"tables"`
	// Stays is what else the data directory has, which nothing was done to.
	Stays []Kept `json:"stays"`
}

// Result is how a copy ended.
type Result string

const (
	Copied  Result = "copied"  // the target has everything and is shown
	Already Result = "already" // the target had everything before; nothing was written
	Differs Result = "differs" // what was written is not what was read; the target was left empty
)

// Table is a table of a Report. Rows, Bytes (of all values) and SHA256 (of all
// rows in the order of their keys) are those of the source.
type Table struct {
	Name   string `json:"table"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Equal  bool   `json:"equal"`
	// What the target has, where it differs.
	TargetRows   *int64 `json:"target_rows,omitempty"`
	TargetSHA256 string `json:"target_sha256,omitempty"`
}

// Kept is a file or directory of a data directory.
type Kept struct {
	Name  string `json:"name"`
	Holds string `json:"holds,omitempty"`
}

// newReport has the result same if is, which the target has, equals the source.
func newReport(p pair, is map[string]sum, same Result) *Report {
	r := &Report{From: p.from, To: p.to, Result: same, Tables: []Table{}, Stays: []Kept{}}
	for _, t := range p.tables {
		a, b := p.was[t.name], is[t.name]
		line := Table{Name: t.name, Rows: a.rows, Bytes: a.bytes, SHA256: a.hash, Equal: a == b}
		if !line.Equal {
			r.Result = Differs
			line.TargetRows, line.TargetSHA256 = &b.rows, b.hash
		}
		r.Rows += a.rows
		r.Bytes += a.bytes
		r.Tables = append(r.Tables, line)
	}
	return r
}
