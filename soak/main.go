package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/sim"
)

// plan is what the flags say.
type plan struct {
	nodes, configured int
	time              time.Duration
	kills             int
	faults            bool
	spell             time.Duration
	offWait           time.Duration
	settle            time.Duration
	seed              uint64
	dir               string
	binary            string
}

func main() {
	sim.ReexecIfChild()
	var p plan
	flag.IntVar(&p.nodes, "nodes", 200, "simulated nodes")
	flag.IntVar(&p.configured, "configured", 24, "how many of them, the first ones, are configured by Ansible")
	flag.DurationVar(&p.time, "time", 10*time.Minute, "how long the storm lasts; with -kills at most")
	flag.IntVar(&p.kills, "kills", 0, "end the storm after so many kills of the server, soon after each start; 0: kill it every 10 to 40 s")
	flag.BoolVar(&p.faults, "faults", true, "give BMCs faults")
	flag.DurationVar(&p.spell, "spell", time.Minute, "the longest time that a BMC is busy; the shortest is a twelfth")
	flag.DurationVar(&p.offWait, "off-wait", 15*time.Second, "BOS's max_power_off_wait_time")
	flag.DurationVar(&p.settle, "settle", 10*time.Minute, "how long sessions may take after the storm")
	flag.Uint64Var(&p.seed, "seed", 0, "of the random numbers; 0: another one each time")
	flag.StringVar(&p.dir, "dir", "", "where everything is kept; removed at the end if nothing was found")
	flag.StringVar(&p.binary, "drover", "", "the binary to judge; by default one that is built of this tree")
	flag.Parse()
	if p.seed == 0 {
		p.seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	good, err := run(ctx, p)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run has the storm and the verdict; good is false if a rule was broken.
func run(ctx context.Context, p plan) (good bool, err error) {
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "drover-soak-"); err != nil {
			return false, err
		}
	}
	fmt.Printf("%d nodes, %d of them configured by Ansible, seed %d, %s\n", p.nodes, min(p.configured, p.nodes), p.seed, p.dir)
	c, err := newCluster(ctx, p)
	if err != nil {
		return false, fmt.Errorf("%w (see %s)", err, p.dir)
	}
	defer func() {
		c.stop()
		if good {
			os.RemoveAll(p.dir) //nolint:errcheck // what is left says so itself
		}
	}()
	w, err := newWitness(c)
	if err != nil {
		return false, err
	}
	watching, blind := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { w.watch(watching) })
	t := newTold(c)
	watch.Go(func() { t.watch(watching) })
	err = storm(ctx, c)
	if err == nil {
		c.calm()
		err = c.settled(ctx)
	}
	blind()
	watch.Wait()
	if err != nil {
		return false, fmt.Errorf("%w (see %s)", err, p.dir)
	}
	evidence, err := w.testify(ctx)
	if err == nil {
		evidence.Facts, err = t.compare(ctx)
	}
	if err != nil {
		return false, err
	}
	found := judge(evidence)
	report(evidence, found)
	if len(found) > 0 {
		fmt.Println("everything is kept in", p.dir, "- the BMCs' record in", filepath.Base(recordFile))
	}
	return len(found) == 0, nil
}

// shown is how many violations of one rule are printed.
const shown = 5

func report(e Evidence, found []Violation) {
	forced := 0
	answers := map[sim.Answer]int{}
	for _, r := range e.Requests {
		answers[r.Answer]++
		if r.Type == "ForceOff" && r.accepted() {
			forced++
		}
	}
	fmt.Printf("%d kills, %d sessions, %d tasks of transitions; %d facts told and asked for again\n", len(e.Kills), len(e.Sessions), len(e.Tasks), len(e.Facts))
	fmt.Printf("%d requests to BMCs: %d accepted (%d forced off), %d busy, %d refused, %d dropped\n", len(e.Requests),
		answers[sim.Accepted], forced, answers[sim.Busy], answers[sim.Refused], answers[sim.Dropped])
	again := 0
	tasks := tasksByNode(e.Tasks)
	for node, list := range byNode(e.Requests) {
		again += len(repeats(list, tasks[node], e.Kills))
	}
	fmt.Printf("%d requests were accepted again after a kill, each after a look at the power, or are named below\n", again)
	fmt.Printf("%d nodes are configured and hold the playbook's last mark or are named below\n", len(e.Configured))
	counts := map[Rule]int{}
	for _, v := range found {
		if counts[v.Rule]++; counts[v.Rule] <= shown {
			fmt.Println("VIOLATION", v)
		}
	}
	for rule, n := range counts {
		if n > shown {
			fmt.Printf("%s: %d times in all\n", rule, n)
		}
	}
	if len(found) == 0 {
		fmt.Println("no rule was broken")
	}
}
