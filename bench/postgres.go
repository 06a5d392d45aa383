package main

import (
	"context"
	"time"

	"github.com/drover-hpc/drover/internal/store/storetest"
)

// onPostgres measures a reboot of 1,000 nodes with the database in PostgreSQL,
// whose own CPU counts, against one with SQLite.
func onPostgres(ctx context.Context, b *bench) error {
	const nodes = 1_000
	cluster, err := storetest.StartCluster()
	if err != nil {
		return err
	}
	defer cluster.Stop()
	for i, build := range b.builds {
		url, err := cluster.Database(ctx, []string{"now", "old"}[i])
		if err != nil {
			return err
		}
		sides := []contender{&droverSide{build: build, nodes: nodes, name: "postgres-sqlite"},
			&postgresSide{droverSide: droverSide{build: build, nodes: nodes, name: "postgres", setup: setup{Database: url}}, cluster: cluster}}
		costs, err := compete(ctx, sides, max(b.rounds, 3), false)
		if err != nil {
			return err
		}
		r := row{name: "postgres", build: build.name, goal: "over sqlite <= 1.3"}
		light, own, its := ownCPU(costs[0], nodes), ownCPU(costs[1], nodes), sides[1].(*postgresSide).median(nodes)
		r.add("over_sqlite", (own+its)/light)
		r.add("own_cpu_ms_per_node", own)
		r.add("postgres_cpu_ms_per_node", its)
		r.add("sqlite_cpu_ms_per_node", light)
		if err := b.print(r); err != nil {
			return err
		}
	}
	return nil
}

// postgresSide counts what the database's own processes use, too.
type postgresSide struct {
	droverSide
	cluster *storetest.Cluster
	used    []time.Duration
}

func (p *postgresSide) reboot(ctx context.Context) (cost, error) {
	pid, err := p.cluster.PID()
	if err != nil {
		return cost{}, err
	}
	before, err := familyCPU(pid)
	if err != nil {
		return cost{}, err
	}
	c, err := p.droverSide.reboot(ctx)
	if err != nil {
		return c, err
	}
	after, err := familyCPU(pid)
	p.used = append(p.used, after-before)
	return c, err
}

// median is the milliseconds of a round, a node.
func (p *postgresSide) median(nodes int) float64 {
	return middle(p.used).Seconds() * 1000 / float64(nodes)
}
