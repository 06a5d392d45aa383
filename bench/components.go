package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/drover-hpc/drover/bench/proc"
)

const (
	componentsPath  = "/apis/bos/v2/components"
	componentsCount = 10_000
	repeats         = 5
)

// components measures list and patch of 10,000: the processor time of both
// ends, for the client decodes the answer, over that of encoding and decoding
// the same JSON in memory.
func components(ctx context.Context, b *bench) error {
	for _, build := range b.builds {
		l, err := startLab(ctx, build, 0, setup{})
		if err != nil {
			return err
		}
		err = l.components(ctx, b)
		l.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) components(ctx context.Context, b *bench) error {
	put := make([]map[string]any, componentsCount)
	for i := range put {
		put[i] = map[string]any{"id": fmt.Sprintf("x%dc%ds%db0n0", 1000+i/64, i/8%8, i%8), "enabled": false}
	}
	if _, err := l.api.Do(ctx, http.MethodPut, componentsPath, nil, put, nil); err != nil {
		return err
	}
	var listed []map[string]any
	list := row{name: "list", build: l.build.name, goal: "over json <= 2"}
	err := l.overJSON(&list, func() error { return l.get(ctx, componentsPath, &listed) }, func() error {
		text, err := json.Marshal(listed)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &[]map[string]any{})
	})
	if err != nil {
		return err
	}
	if len(listed) != componentsCount {
		return fmt.Errorf("listed %d components of %d", len(listed), componentsCount)
	}
	if err := b.print(list); err != nil {
		return err
	}
	patch, err := l.patch(ctx, listed)
	if err != nil {
		return err
	}
	return b.print(patch)
}

// patch measures the patch of all that were listed in one call.
func (l *lab) patch(ctx context.Context, listed []map[string]any) (row, error) {
	patches := make([]map[string]any, len(listed))
	for i, c := range listed {
		patches[i] = map[string]any{"id": c["id"], "error": "patched", "desired_state": map[string]any{"configuration": "c",
			"boot_artifacts": map[string]string{"kernel": strings.Repeat("k", 80), "kernel_parameters": strings.Repeat("p", 400), "initrd": strings.Repeat("i", 80)}}}
	}
	body, err := json.Marshal(patches)
	if err != nil {
		return row{}, err
	}
	var answer []map[string]any
	r := row{name: "patch", build: l.build.name, goal: "over json <= 1.5"}
	return r, l.overJSON(&r, func() error {
		_, err := l.api.Do(ctx, http.MethodPatch, componentsPath, nil, body, &answer)
		return err
	}, func() error {
		if err := json.Unmarshal(body, &[]map[string]any{}); err != nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &[]map[string]any{})
	})
}

// overJSON has call and plain take turns and adds what they cost to the row.
func (l *lab) overJSON(r *row, call, plain func() error) error {
	stop, err := l.profile(r.name)
	if err != nil {
		return err
	}
	var own, client, inMemory, took time.Duration
	for i := range repeats + 1 {
		before, err := l.server.Usage()
		if err != nil {
			return err
		}
		began, here := time.Now(), proc.OwnCPU()
		if err := call(); err != nil {
			return err
		}
		between, elapsed := proc.OwnCPU(), time.Since(began)
		if err := l.settled(); err != nil {
			return err
		}
		after, err := l.server.Usage()
		if err != nil {
			return err
		}
		start := proc.OwnCPU()
		if err := plain(); err != nil {
			return err
		}
		if i > 0 { // the first fills caches
			own, client, inMemory, took = own+after.CPU-before.CPU, client+between-here, inMemory+proc.OwnCPU()-start, took+elapsed
		}
	}
	if err := stop(); err != nil {
		return err
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / repeats }
	r.add("over_json", ratio(own+client, inMemory))
	r.add("own_cpu_ms", ms(own))
	r.add("client_cpu_ms", ms(client))
	r.add("json_cpu_ms", ms(inMemory))
	r.add("elapsed_ms", ms(took))
	return nil
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
