package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
)

// ceilings are what a reboot may cost a node, in counts that depend little on
// the machine: those of the row "reboot" by their names.
type ceilings struct {
	Nodes int                `json:"nodes"`
	Most  map[string]float64 `json:"most"`
	// Alone has other ceilings for a machine with one processor, where nodes
	// come less at a time and batches are smaller.
	Alone map[string]float64 `json:"alone"`
}

// guard reboots a small fleet, without the periodic looks that would hit one run
// and miss another, and returns an error if something costs more than the file
// allows.
func (b *bench) guard(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c ceilings
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if runtime.NumCPU() == 1 {
		maps.Copy(c.Most, c.Alone)
	}
	side := &droverSide{build: b.builds[0], nodes: c.Nodes, name: "guard", setup: setup{NoResync: true}}
	costs, err := compete(ctx, []contender{side}, 3, false)
	if err != nil {
		return err
	}
	found := countsRow("guard", side.build.name, c.Nodes, costs[0])
	if err := b.print(found); err != nil {
		return err
	}
	over, err := c.exceeded(found)
	if err == nil && len(over) > 0 {
		err = fmt.Errorf("a reboot costs more than %s allows:\n%s", file, strings.Join(over, "\n"))
	}
	return err
}

// exceeded names what is above its ceiling.
func (c ceilings) exceeded(found row) (over []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Most)) {
		is, measured := found.find(name)
		switch {
		case !measured:
			return nil, fmt.Errorf("%s has a ceiling and is not measured", name)
		case is > c.Most[name]:
			over = append(over, fmt.Sprintf("%s: %s, at most %s", name, digits(is), digits(c.Most[name])))
		}
	}
	return over, nil
}
