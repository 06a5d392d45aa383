package xname

import (
	"slices"
	"strings"
)

// shortBracket is how long the numbers of a bracket may be, without it, before
// FoldAmong prefers an asterisk: a single range of two short numbers tells more.
const shortBracket = 3

// Among is what names are folded against: all that there are.
type Among struct {
	rows   [][]string
	counts map[int]map[string]int // by place: how many names are alike but for the number there
}

// NewAmong takes all names that there are.
func NewAmong(all []string) *Among {
	a := &Among{rows: make([][]string, len(all)), counts: map[int]map[string]int{}}
	for i, n := range all {
		a.rows[i] = pieces(n)
	}
	return a
}

// Fold is the package's Fold, but that a long bracket becomes an asterisk where that
// stands for the same names among all: "x1000c0s*b0n0". At most one of an item does,
// the last that can.
func (a *Among) Fold(names []string) string {
	rows := foldRows(names)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.Join(a.star(r), "")
	}
	return strings.Join(out, ",")
}

func (a *Among) star(row []string) []string {
	for place := len(row) - 1; place > 0; place-- {
		if len(row[place]) > shortBracket+len("[]") && row[place][0] == '[' && a.means(row, place) {
			row = slices.Clone(row)
			row[place] = "*"
			return row
		}
	}
	return row
}

// means tells whether the numbers in the place's bracket are all that there are,
// for each name that the rest of the row stands for.
func (a *Among) means(row []string, place int) bool {
	numbers, err := expandNumbers(strings.Trim(row[place], "[]"))
	if err != nil {
		return false
	}
	blank := slices.Clone(row)
	blank[place] = ""
	rest, err := expandItem(strings.Join(blank[:place], "") + "\x00" + strings.Join(blank[place+1:], ""))
	if err != nil {
		return false
	}
	counts := a.at(place)
	for _, r := range rest {
		if counts[r] != len(numbers) {
			return false
		}
	}
	return true
}

// at counts the names by all but the number at the place.
func (a *Among) at(place int) map[string]int {
	if c := a.counts[place]; c != nil {
		return c
	}
	c := map[string]int{}
	var key []byte
	for _, r := range a.rows {
		if place >= len(r) {
			continue
		}
		key = key[:0]
		for i, piece := range r {
			if i == place {
				piece = "\x00"
			}
			key = append(key, piece...)
		}
		c[string(key)]++
	}
	a.counts[place] = c
	return c
}

// Compare orders names as people do: numbers by their value.
func Compare(a, b string) int {
	for a != "" && b != "" {
		if !isNumber(a) || !isNumber(b) {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		i, j := digits(a), digits(b)
		x, y := stripZeros(a[:i]), stripZeros(b[:j])
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
		a, b = a[i:], b[j:]
	}
	return len(a) - len(b)
}

// digits is how many a text begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
