package pick

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/bootset"
	"github.com/drover-hpc/drover/internal/xname"
)

// Limit writes a session's limit as any boot service understands it: names of
// nodes instead of ranges, enclosures, wildcards and NIDs. Names of roles,
// partitions and groups stay, the service knows them. A limit that needs
// nothing of it stays as it was written.
func (i *Inventory) Limit(expr string) (written string, unknown []string, err error) {
	var terms []term
	plain := true
	for _, item := range xname.Split(expr) {
		t, missing, err := i.term(strings.TrimSpace(item))
		if err != nil {
			return "", nil, err
		}
		if t.name == "" {
			continue // the service may stumble over it, see bootset.Limit
		}
		plain = plain && len(t.names) == 1 && t.names[0] == t.name && item != ""
		terms, unknown = append(terms, t), append(unknown, missing...)
	}
	if plain {
		return expr, unknown, nil
	}
	written, err = i.write(terms)
	if err == nil && len(written) > bootset.MaxLimit {
		err = fmt.Errorf("limit %q stands for nodes whose names take %d characters, BOS takes %d: name a group", expr, len(written), bootset.MaxLimit)
	}
	return written, unknown, err
}

// term is an item of a limit: what comes before the name, the name, and what
// a boot service has to be told in its place.
type term struct {
	sign  string
	name  string
	names []string
}

func (i *Inventory) term(item string) (t term, unknown []string, err error) {
	t.name = strings.TrimLeft(item, "&!")
	t.sign = item[:len(item)-len(t.name)]
	if t.sign != "" && t.name == "" || len(t.sign) > 1 {
		return t, nil, fmt.Errorf("%q is no name with at most one of & and ! before it", item)
	}
	if i.word(t.name) {
		t.names = []string{t.name}
		return t, nil, nil
	}
	p, err := i.List(t.name)
	t.names = p.Names
	return t, p.Unknown, err
}

// word tells whether a boot service knows the name by itself.
func (i *Inventory) word(name string) bool {
	if name == "all" || name == "*" {
		return true
	}
	if i == nil {
		return false
	}
	_, ok := i.words[name]
	return ok
}

// write joins the terms. A limit has no brackets, so "and one of these" cannot
// be said: with such a term among them the whole is worked out here.
func (i *Inventory) write(terms []term) (string, error) {
	var items []string
	for _, t := range terms {
		if t.sign == "&" && len(t.names) != 1 {
			return i.workOut(terms)
		}
		for _, n := range t.names {
			items = append(items, t.sign+n)
		}
	}
	return strings.Join(items, ","), nil
}

func (i *Inventory) workOut(terms []term) (string, error) {
	if i == nil {
		return "", fmt.Errorf("a list of nodes behind & can be told to BOS only with the help of HSM")
	}
	all, sets := maps.Clone(i.known), map[string][]string{}
	items := make([]string, len(terms))
	for k, t := range terms {
		token := fmt.Sprint("term", k)
		if t.name == "all" || t.name == "*" {
			token = "all"
		}
		items[k] = t.sign + token
		for _, n := range t.names {
			members := []string{n}
			if i.word(n) {
				members = i.words[n]
			}
			sets[token] = append(sets[token], members...)
		}
		for _, n := range sets[token] {
			all[n] = true
		}
	}
	selected, err := bootset.Limit(strings.Join(items, ","), all, func(name string) ([]string, bool) { return sets[name], true })
	if err != nil {
		return "", err
	}
	if len(selected) == 0 {
		return "", fmt.Errorf("the limit selects no node")
	}
	return strings.Join(slices.Sorted(maps.Keys(selected)), ","), nil
}
