package metrics_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/metrics"
)

func TestFiguresAreAskedForAndTheUnknownAreNotShown(t *testing.T) {
	m := metrics.New("1.2.3")
	sent, why := int64(0), error(nil)
	m.Counter("sent_total", "sent", func() int64 { return sent })
	m.Gauge("waiting", "waiting", func() (float64, error) { return 7, why })
	show := func() string {
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		return answer.Body.String()
	}
	for _, want := range []string{"sent_total 0\n", "waiting 7\n", `drover_build_info{version="1.2.3"} 1`, "go_goroutines ", "process_open_fds "} {
		if got := show(); !strings.Contains(got, "\n"+want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	sent, why = 3, errors.New("nobody knows")
	if got := show(); !strings.Contains(got, "\nsent_total 3\n") || strings.Contains(got, "\nwaiting") {
		t.Error(got)
	}
}
