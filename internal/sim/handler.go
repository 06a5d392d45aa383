package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// NodeView is a node as the control interface shows it.
type NodeView struct {
	Xname   string         `json:"xname"`
	Power   bmc.PowerState `json:"power"`
	Phase   Phase          `json:"phase"`
	Address string         `json:"address"`
	MAC     string         `json:"mac"`
	Layer   string         `json:"layer"`
	// PowerCap is the limit of the node's power in watts; 0 is none.
	PowerCap int           `json:"power_cap,omitempty"`
	Faults   Faults        `json:"faults"`
	Resets   []ResetRecord `json:"resets,omitempty"`
	Events   []Event       `json:"events,omitempty"`
}

// Handler is the control interface of a fleet: what only a simulation allows.
//
//	GET   /nodes          all nodes, without their past
//	PATCH /nodes          {"xnames": [...], "faults": {...}}; no xnames means all
//	GET   /nodes/{xname}  one node
//	PATCH /nodes/{xname}  {"faults": {...}}
//	POST  /power-failure  all nodes that are on boot again, at once
//	GET   /bmcs           all BMCs: character, address and account
//	GET   /counters       what the nodes asked, and the BMCs were asked
//
// Only the faults that are named change.
func Handler(f *Fleet) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, op func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := op(r)
			if err != nil {
				httpapi.WriteProblem(w, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(answer) //nolint:errcheck // the client is gone
		})
	}
	handle("GET /nodes", func(*http.Request) (any, error) { return views(f.Nodes()), nil })
	handle("PATCH /nodes", f.patchNodes)
	handle("POST /power-failure", func(*http.Request) (any, error) {
		f.PowerFailure()
		return f.Counters(), nil
	})
	handle("GET /bmcs", func(*http.Request) (any, error) { return f.bmcViews(), nil })
	handle("GET /counters", func(*http.Request) (any, error) { return f.Counters(), nil })
	handle("GET /nodes/{xname}", func(r *http.Request) (any, error) {
		n, err := f.find(r.PathValue("xname"))
		if err != nil {
			return nil, err
		}
		return n.view(true), nil
	})
	handle("PATCH /nodes/{xname}", f.patchNode)
	return mux
}

func (f *Fleet) find(name string) (*Node, error) {
	n := f.Node(xname.Canonical(name))
	if n == nil {
		return nil, fault.New(fault.NotFound, "no simulated node is called %q", name)
	}
	return n, nil
}

// patch is the body of a PATCH.
type patch struct {
	Xnames []string        `json:"xnames"`
	Faults json.RawMessage `json:"faults"`
}

func (f *Fleet) patchNodes(r *http.Request) (any, error) {
	p, err := readPatch(r)
	if err != nil {
		return nil, err
	}
	nodes := f.Nodes()
	if p.Xnames != nil {
		nodes = nodes[:0]
		for _, x := range p.Xnames {
			n, err := f.find(x)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, n)
		}
	}
	for _, n := range nodes {
		n.changeFaults(p.Faults)
	}
	return views(nodes), nil
}

func (f *Fleet) patchNode(r *http.Request) (any, error) {
	n, err := f.find(r.PathValue("xname"))
	if err != nil {
		return nil, err
	}
	p, err := readPatch(r)
	if err != nil {
		return nil, err
	}
	if p.Xnames != nil {
		return nil, fault.New(fault.Invalid, "'xnames' is for PATCH /nodes only")
	}
	n.changeFaults(p.Faults)
	return n.view(true), nil
}

// readPatch reads and checks the body, so that applying it cannot fail.
func readPatch(r *http.Request) (patch, error) {
	var p patch
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 16<<20))
	if err == nil {
		err = strictly(text, &p)
	}
	if err != nil {
		return p, fault.New(fault.Invalid, "body: expected an object with 'faults': %w", err)
	}
	var faults Faults
	if err := strictly(p.Faults, &faults); err != nil {
		return p, fault.New(fault.Invalid, "'faults': %w", err)
	}
	return p, faults.check()
}

func strictly(text []byte, into any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	return in.Decode(into)
}

func (f Faults) check() error {
	switch {
	case f.BootFailureRate < 0 || f.BootFailureRate > 1:
		return fault.New(fault.Invalid, "'faults.boot_failure_rate': %v is not between 0 and 1", f.BootFailureRate)
	case f.RefuseStatus != 0 && (f.RefuseStatus < 400 || f.RefuseStatus > 599):
		return fault.New(fault.Invalid, "'faults.refuse_status': %d is not between 400 and 599", f.RefuseStatus)
	case f.Drop < 0 || f.DropResets < 0:
		return fault.New(fault.Invalid, "'faults.drop' and 'faults.drop_resets': %d, %d: expected no negative count", f.Drop, f.DropResets)
	case f.BusyReads < 0 || f.BusyResets < 0 || f.ConflictAfterOn < 0 || f.RetryAfter < 0:
		return fault.New(fault.Invalid, "'faults.busy_reads', 'busy_resets', 'conflict_after_on', 'retry_after': "+
			"expected no negative time (they are in nanoseconds)")
	case f.HangBoot < 0:
		return fault.New(fault.Invalid, "'faults.hang_boot': %d is negative", f.HangBoot)
	case f.SlowBoot < 0:
		return fault.New(fault.Invalid, "'faults.slow_boot': %d is negative (it is in nanoseconds)", f.SlowBoot)
	}
	return nil
}

// changeFaults merges checked JSON over what is set.
func (n *Node) changeFaults(text json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.faults()
	if err := json.Unmarshal(text, &f); err != nil {
		panic(fmt.Sprintf("checked faults do not decode: %v", err))
	}
	n.putFaults(f)
}

func views(nodes []*Node) []NodeView {
	list := make([]NodeView, len(nodes))
	for i, n := range nodes {
		list[i] = n.view(false)
	}
	return list
}

func (n *Node) view(past bool) NodeView {
	v := NodeView{Xname: n.xname, Power: n.PowerState(), Phase: n.Phase(), Address: n.Address(), MAC: n.MAC(),
		Layer: n.RootDir(), PowerCap: n.PowerCap(), Faults: n.Faults()}
	if past {
		v.Resets, v.Events = n.Resets(), n.Events()
	}
	return v
}
