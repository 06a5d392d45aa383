package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/drover-hpc/drover/bench/proc"
)

// tokens measures what it costs to ask who calls: the same requests, in turns, of a
// server that asks and of one that does not.
func tokens(ctx context.Context, b *bench) error {
	build := b.builds[len(b.builds)-1] // an older one may know no tokens
	open, err := startLab(ctx, build, 0, setup{Auth: "none"})
	if err != nil {
		return err
	}
	defer open.stop()
	closed, err := startLab(ctx, build, 0, setup{Auth: "token"})
	if err != nil {
		return err
	}
	defer closed.stop()
	if err := closed.logIn(ctx); err != nil {
		return err
	}
	r := row{name: "tokens", build: build.name, goal: "CPU over none <= 1.05, allocations a request <= 3"}
	for _, l := range []*lab{open, closed} {
		if err := l.askable(ctx); err != nil {
			return err
		}
	}
	for _, kind := range asking {
		ratio, more, err := compared(ctx, kind, open, closed)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		r.add(kind.name+"_cpu_over_none", ratio)
		r.add(kind.name+"_allocations_more", more)
	}
	return b.print(r)
}

// logIn has the lab's calls show an operator's token.
func (l *lab) logIn(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(l.dir, "data", "token"))
	if err != nil {
		return err
	}
	show := func(token string) { l.api.Header = http.Header{"Authorization": {"Bearer " + token}} }
	show(strings.TrimSpace(string(text)))
	var made struct {
		Token string `json:"token"`
	}
	if err := l.call(ctx, http.MethodPost, "/apis/drover/v1/tokens", `{"name":"bench","role":"operator"}`, &made); err != nil {
		return err
	}
	show(made.Token)
	return nil
}

// askedComponents is how many there are for rows that ask of all.
const askedComponents = 1000

// askable makes what is asked for.
func (l *lab) askable(ctx context.Context) error {
	put := make([]map[string]any, askedComponents)
	for i := range put {
		put[i] = map[string]any{"id": fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8), "enabled": false}
	}
	if _, err := l.api.Do(ctx, http.MethodPut, componentsPath, nil, put, nil); err != nil {
		return err
	}
	return l.call(ctx, http.MethodPut, "/apis/bss/boot/v1/bootparameters",
		`{"macs":["02:00:00:00:00:01"],"kernel":"http://10.1.1.1/kernel","initrd":"http://10.1.1.1/initrd","params":"quiet"}`, nil)
}

// request is one that is made count times a round.
type request struct {
	name, method, path, body string
	count                    int
	byNode                   bool // who shows no token
}

var asking = []request{
	{"list", http.MethodGet, componentsPath, "", 20, false},
	{"describe", http.MethodGet, componentsPath + "/x1000c0s0b0n0", "", 2000, false},
	{"patch", http.MethodPatch, componentsPath, `[{"id":"x1000c0s0b0n0","error":"patched"}]`, 1000, false},
	{"script", http.MethodGet, "/apis/bss/boot/v1/bootscript?mac=02:00:00:00:00:01", "", 2000, true},
}

// compared asks both in turns and returns the CPU of the closed one over that of the
// open one, as the median of the rounds, and how much more it allocates a request.
func compared(ctx context.Context, kind request, open, closed *lab) (ratio, more float64, err error) {
	const rounds = 11
	var ratios, allocations []float64
	for i := range rounds + 1 {
		var used [2]proc.Usage
		for n, l := range []*lab{open, closed} {
			before, err := l.server.Usage()
			if err != nil {
				return 0, 0, err
			}
			for range kind.count {
				var body any
				if kind.body != "" {
					body = json.RawMessage(kind.body)
				}
				calls := *l.api
				if kind.byNode {
					calls.Header = nil
				}
				if _, err := calls.Do(ctx, kind.method, kind.path, nil, body, nil); err != nil {
					return 0, 0, err
				}
			}
			after, err := l.server.Usage()
			if err != nil {
				return 0, 0, err
			}
			used[n] = after.Minus(before)
		}
		if i > 0 { // the first fills caches
			ratios = append(ratios, used[1].CPU.Seconds()/used[0].CPU.Seconds())
			allocations = append(allocations, (float64(used[1].Allocations)-float64(used[0].Allocations))/float64(kind.count))
		}
	}
	return middle(ratios), middle(allocations), nil
}
