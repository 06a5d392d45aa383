package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// unusedConnection is how long one stays open that nobody uses.
const unusedConnection = 3 * time.Minute

// crowdLimits are those of what nodes ask. Many at a time are cheap: they wait
// for one commit to the database. A longer queue would be no faster, but would
// hold connections, so that administrators had to wait for one.
var crowdLimits = admission.Limits{Running: 128, Waiting: 1024, Patience: 10 * time.Second}

// crowd lets nodes in as many as the server can answer; administrators never
// wait for them.
type crowd struct {
	gate *admission.Gate
	next http.Handler
}

func newCrowd(l admission.Limits, next http.Handler, now func() time.Time) *crowd {
	return &crowd{gate: admission.NewGate(l, now), next: next}
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !asNodesDo(r) {
		c.next.ServeHTTP(w, r)
		return
	}
	admitted, back := c.gate.Enter(r.Context())
	if !admitted {
		w.Header().Set("Retry-After", strconv.Itoa(int(back/time.Second)))
		w.Header().Set("Connection", "close")
		httpapi.WriteProblem(w, fault.New(fault.Unavailable, "more nodes ask at this moment than can be answered; ask again in %v", back))
		return
	}
	defer c.gate.Leave()
	c.next.ServeHTTP(w, r)
}

// asNodesDo tells whether it is a request of those that each node makes when it
// boots, for its boot script and cloud-init's data, and its reports to HSM, BOS
// and CFS, or its BMC when its power changes.
func asNodesDo(r *http.Request) bool {
	path := r.URL.Path
	if strings.HasPrefix(path, bmcEventsPath) {
		return true
	}
	if rest, is := strings.CutPrefix(path, bssPrefix+"/"); is {
		switch strings.TrimPrefix(rest, "boot/v1/") {
		case "bootscript", "meta-data", "user-data", "phone-home":
			return true
		}
		return false
	}
	if r.Method != http.MethodPatch {
		return false
	}
	for _, report := range []struct{ prefix, below string }{
		{bosPrefix, "/components/"}, {cfsPrefix, "/components/"}, {hsmPrefix + "/State/Components/", "/StateData"}, {hsmPrefix, "/EthernetInterfaces/"},
	} {
		if rest, is := strings.CutPrefix(path, report.prefix); is && strings.Contains(rest, report.below) {
			return true
		}
	}
	return false
}
