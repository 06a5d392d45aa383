package operators

import (
	"fmt"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/bos"
)

// BenchmarkReboot is the orchestration of a reboot alone: nodes and services
// answer at once.
func BenchmarkReboot(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b, n)
			w.setOptions(`{"polling_frequency":15}`)
			w.run(bos.OperationBoot, "")
			b.ResetTimer()
			for b.Loop() {
				start := time.Now()
				if st := w.run(bos.OperationReboot, ""); st.PercentSuccessful != 100 {
					b.Fatalf("%+v", st)
				}
				b.Logf("%d nodes in %s", n, time.Since(start))
			}
		})
	}
}
