package server

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/metrics/tally"
	"github.com/drover-hpc/drover/internal/s3"
)

// part is a part of the server by which requests are counted.
type part int

const (
	partBOS part = iota
	partCFS
	partHSM
	partPCS
	partCAPMC
	partBSS
	partIMS
	partTAPMS
	partVCS
	partNative
	partPage
	partOther // logins, credentials of the object store, what watches the server, and what is nowhere
	parts
)

var partNames = [parts]string{"bos", "cfs", "hsm", "pcs", "capmc", "bss", "ims", "tapms", "vcs", "native", "page", "other"}

// partS3 is beside those: the object store has a listener of its own.
const partS3 = "s3"

// partPrefixes are tried in their order: the first are asked for most.
var partPrefixes = []struct {
	prefix string
	of     part
}{
	{bosPrefix, partBOS}, {cfsPrefix, partCFS}, {hsmPrefix, partHSM}, {bssPrefix, partBSS}, {pcsPrefix, partPCS}, {imsPrefix, partIMS},
	{"/apis/capmc", partCAPMC}, {"/apis/drover", partNative}, {tapmsPrefix, partTAPMS}, {"/vcs", partVCS}, {"/nodes", partPage}, {"/sessions", partPage},
	{"/configurations", partPage}, {"/tenants", partPage}, {"/plans", partPage}, {"/hosts", partPage}, {"/assets", partPage},
}

// serviceOf is the part of the server that a path leads to.
func serviceOf(path string) part {
	if path == "/" {
		return partPage
	}
	for i := range partPrefixes {
		if rest, is := strings.CutPrefix(path, partPrefixes[i].prefix); is && (rest == "" || rest[0] == '/') {
			return partPrefixes[i].of
		}
	}
	return partOther
}

// The doors of the server, as figures name them.
const (
	doorAdministrators = "administrators"
	doorNodes          = "nodes"
)

// requestFigures count requests from outside: those that services make of each other
// within the server are none.
type requestFigures struct {
	doors           [2]doorFigures // of administrators and of nodes
	running         [parts]atomic.Int64
	took            [parts]*tally.Durations
	unknown, denied atomic.Int64 // answered with 401, with 403
}

// doorFigures count what is answered at a door.
type doorFigures struct {
	all     *requestFigures
	answers [parts]tally.Answers
}

func newRequestFigures() *requestFigures {
	f := &requestFigures{}
	for i := range f.doors {
		f.doors[i].all = f
	}
	for i := range f.took {
		f.took[i] = tally.NewDurations(tally.Quick)
	}
	return f
}

func (f *requestFigures) administrators() *doorFigures { return &f.doors[0] }
func (f *requestFigures) nodes() *doorFigures          { return &f.doors[1] }

func (d *doorFigures) begin(of part) {
	if d != nil {
		d.all.running[of].Add(1)
	}
}

func (d *doorFigures) leave(of part) {
	if d != nil {
		d.all.running[of].Add(-1)
	}
}

// answered counts an answer. How long one takes that goes on and on says nothing.
func (d *doorFigures) answered(of part, a *noted, took time.Duration) {
	if d == nil {
		return
	}
	d.answers[of].Add(a.status)
	if !a.streams {
		d.all.took[of].Took(took)
	}
	switch a.status {
	case 401:
		d.all.unknown.Add(1)
	case 403:
		d.all.denied.Add(1)
	}
}

// register shows the figures, those of the object store as well unless it is
// elsewhere.
func (f *requestFigures) register(m *metrics.Metrics, objects *s3.Server) {
	m.Counters("drover_http_requests_total", "Requests from outside, by service, class of the status and door.", []string{"service", "status", "door"}, func(show metrics.Show) {
		for i, door := range []string{doorAdministrators, doorNodes} {
			for of := range parts {
				showAnswers(show, &f.doors[i].answers[of], partNames[of], door)
			}
		}
		if objects != nil {
			showAnswers(show, objects.Answers(), partS3, partS3)
		}
	})
	m.Durations("drover_http_request_duration_seconds", "Time that requests took, by service: of the object store until the answer began, and not of answers that go on while somebody listens.",
		[]string{"service"}, func(show func(*tally.Durations, ...string)) {
			for of := range parts {
				show(f.took[of], partNames[of])
			}
			if objects != nil {
				show(objects.Took(), partS3)
			}
		})
	m.Gauges("drover_http_requests_in_flight", "Requests that are being answered, by service.", []string{"service"}, func(show metrics.Show) error {
		for of := range parts {
			show(float64(f.running[of].Load()), partNames[of])
		}
		if objects != nil {
			show(float64(objects.Running()), partS3)
		}
		return nil
	})
	m.Counters("drover_http_denied_total", "Requests that were refused because it was not known whose they were (401), or because they are not for whoever asked (403).", []string{"status"}, func(show metrics.Show) {
		show(float64(f.unknown.Load()), "401")
		show(float64(f.denied.Load()), "403")
	})
	if objects != nil {
		m.Counter("drover_s3_sent_bytes_total", "Bytes of objects that the object store answered with.", objects.Sent)
	}
}

func showAnswers(show metrics.Show, answers *tally.Answers, service, door string) {
	for class, name := range tally.Classes {
		show(float64(answers.Of(class)), service, name, door)
	}
}
