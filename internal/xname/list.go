package xname

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxExpansion bounds how many names one expression may stand for.
const maxExpansion = 1 << 20

// maxBrackets bounds those of one name: no xname has as many numbers.
const maxBrackets = 16

var bracket = regexp.MustCompile(`\[([^\[\]]*)\]`)

// Expand writes out a comma list in which brackets stand for numbers:
// "x1c[0,2-3]s0" is x1c0s0, x1c2s0, x1c3s0. Several brackets multiply. Numbers
// come in ascending order, not padded; blanks are dropped.
func Expand(expr string) ([]string, error) {
	var out []string
	for _, item := range Split(strings.ReplaceAll(expr, " ", "")) {
		if item == "" {
			continue
		}
		if n := strings.Count(item, "["); n > maxBrackets {
			return nil, fmt.Errorf("name list: expected at most %d brackets in a name, got %d", maxBrackets, n)
		}
		names, err := expandItem(item)
		if err != nil {
			return nil, fmt.Errorf("name list %q: %w", expr, err)
		}
		if out = append(out, names...); len(out) > maxExpansion {
			return nil, fmt.Errorf("name list %q: stands for more than %d names", expr, maxExpansion)
		}
	}
	return out, nil
}

// Split splits a list at the commas outside brackets.
func Split(s string) (items []string) {
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ',' && depth == 0:
			items, start = append(items, s[start:i]), i+1
		}
	}
	return append(items, s[start:])
}

func expandItem(item string) ([]string, error) {
	at := bracket.FindStringSubmatchIndex(item)
	if at == nil {
		if strings.ContainsAny(item, "[]") {
			return nil, fmt.Errorf("unbalanced bracket in %q", item)
		}
		return []string{item}, nil
	}
	numbers, err := expandNumbers(item[at[2]:at[3]])
	if err != nil {
		return nil, err
	}
	tails, err := expandItem(item[at[1]:])
	if err != nil {
		return nil, err
	}
	if len(numbers)*len(tails) > maxExpansion {
		return nil, fmt.Errorf("%q stands for more than %d names", item, maxExpansion)
	}
	out := make([]string, 0, len(numbers)*len(tails))
	for _, n := range numbers {
		for _, t := range tails {
			out = append(out, item[:at[0]]+strconv.Itoa(n)+t)
		}
	}
	return out, nil
}

func expandNumbers(ranges string) ([]int, error) {
	var out []int
	for _, r := range strings.Split(ranges, ",") {
		lo, hi, isRange := strings.Cut(r, "-")
		if !isRange {
			hi = lo
		}
		from, err1 := strconv.Atoi(lo)
		to, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil || from > to {
			return nil, fmt.Errorf("%q is no number or ascending range", r)
		}
		if to-from >= maxExpansion-len(out) {
			return nil, fmt.Errorf("%q stands for more than %d numbers", r, maxExpansion)
		}
		for n := from; n <= to; n++ {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Fold writes names briefly for people, the inverse of Expand: numbers that
// differ in one place only are bracketed, place after place from the right.
func Fold(names []string) string {
	rows := foldRows(names)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.Join(r, "")
	}
	return strings.Join(out, ",")
}

// FoldLimit is Fold of a limit of a session, names with commas between them. One that has
// anything else than names of nodes, such as groups, stays as it is.
func FoldLimit(limit string) string {
	list := strings.Split(limit, ",")
	if slices.ContainsFunc(list, func(name string) bool { return !IsNode(name) }) {
		return limit
	}
	return Fold(list)
}

// foldRows are the items of Fold in their pieces.
func foldRows(names []string) [][]string {
	rows := make([][]string, 0, len(names))
	for _, n := range names {
		rows = append(rows, pieces(n))
	}
	slices.SortFunc(rows, compareRows)
	rows = slices.CompactFunc(rows, func(a, b []string) bool { return slices.Equal(a, b) })
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r))
	}
	for place := longest - 1; place > 0; place-- {
		rows = foldPlace(rows, place)
	}
	return rows
}

// pieces splits a name into text and numbers, alternating, text first.
func pieces(name string) []string {
	p := make([]string, 0, 12) // an xname of a node has ten
	for number := false; name != ""; number = !number {
		end := strings.IndexFunc(name, func(r rune) bool { return (r >= '0' && r <= '9') != number })
		if end < 0 {
			end = len(name)
		}
		p, name = append(p, name[:end]), name[end:]
	}
	return p
}

func isNumber(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func compareRows(a, b []string) int {
	for i := range min(len(a), len(b)) {
		c := strings.Compare(a[i], b[i])
		if c != 0 && isNumber(a[i]) && isNumber(b[i]) {
			x, y := strings.TrimLeft(a[i], "0"), strings.TrimLeft(b[i], "0")
			c = cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// foldPlace joins the rows that are alike but for a number at the place. It writes to them.
func foldPlace(rows [][]string, place int) [][]string {
	out := make([][]string, 0, len(rows))
	numbers := map[int][]int{} // index in out -> the numbers found there
	at := map[string]int{}
	var key []byte // all of a row but the place
	for _, r := range rows {
		if place >= len(r) || !isNumber(r[place]) {
			out = append(out, r)
			continue
		}
		n, err := strconv.Atoi(r[place])
		if err != nil || strconv.Itoa(n) != r[place] { // zero padded: Expand would not give it back
			out = append(out, r)
			continue
		}
		key = key[:0]
		for i, piece := range r {
			if i != place {
				key = append(key, piece...)
			}
			key = append(key, 0)
		}
		i, seen := at[string(key)]
		if !seen {
			i = len(out)
			at[string(key)] = i
			out = append(out, r)
		}
		numbers[i] = append(numbers[i], n)
	}
	for i, ns := range numbers {
		if len(ns) > 1 {
			out[i][place] = "[" + ranges(ns) + "]"
		}
	}
	return out
}

func ranges(ns []int) string {
	var b strings.Builder
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ns[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(ns[j]))
		}
		i = j + 1
	}
	return b.String()
}
