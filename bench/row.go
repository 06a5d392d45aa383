package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// row is what one measure found of one build.
type row struct {
	name, build string
	values      []value
	goal        string
}

// value is a figure; its name is its key in JSON.
type value struct {
	name   string
	number float64
}

func (r *row) add(name string, number float64) { r.values = append(r.values, value{name, number}) }

// find is the value of the name, if there is one.
func (r *row) find(name string) (float64, bool) {
	for _, v := range r.values {
		if v.name == name {
			return v.number, true
		}
	}
	return 0, false
}

// middle is the median.
func middle[T cmp.Ordered](list []T) T {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// MarshalJSON is one object, with the values in their order.
func (r row) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"row":%q`, r.name)
	if r.build != "" {
		fmt.Fprintf(&b, `,"build":%q`, r.build)
	}
	for _, v := range r.values {
		fmt.Fprintf(&b, `,%q:%s`, v.name, digits(v.number))
	}
	if r.goal != "" {
		fmt.Fprintf(&b, `,"goal":%q`, r.goal)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// digits is the number with four digits that count.
func digits(x float64) string {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64) // it was just written
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// printer writes rows as they come, and keeps them for the page.
type printer struct {
	out  io.Writer
	json bool
	rows []row
}

const tableHead = "| row | build | result | goal |\n|---|---|---|---|\n"

func (p *printer) print(r row) error {
	p.rows = append(p.rows, r)
	if p.json {
		return json.NewEncoder(p.out).Encode(r)
	}
	if len(p.rows) == 1 {
		fmt.Fprint(p.out, tableHead)
	}
	_, err := fmt.Fprintln(p.out, r.table())
	return err
}

// table is the row of the table for people.
func (r row) table() string {
	var words []string
	for _, v := range r.values {
		words = append(words, strings.ReplaceAll(v.name, "_", " ")+" "+digits(v.number))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", r.name, r.build, strings.Join(words, ", "), r.goal)
}
