package server

import (
	"strings"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cfs/operator"
	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/metrics/tally"
)

// measureJobs shows what became of the jobs of CFS sessions.
func (s *Server) measureJobs(op *operator.Operator) {
	m, f := s.metrics, op.Figures()
	m.Counters("drover_cfs_jobs_ended_total", "Jobs of sessions that ended, by outcome: lost if nobody knows how.", []string{"outcome"}, func(show metrics.Show) {
		for i, phase := range operator.Endings {
			show(float64(f.Ended[i].Load()), string(phase))
		}
	})
	m.Counter("drover_cfs_jobs_refused_total", "Times that a job of a session could not be started.", f.Refused.Load)
	m.Counters("drover_cfs_jobs_limited_total", "Jobs of sessions that were ended because a step went beyond a limit.", []string{"limit"}, func(show metrics.Show) {
		for i, limit := range cfs.JobLimits {
			show(float64(f.Limited[i].Load()), strings.TrimPrefix(limit, "session-"))
		}
	})
	m.Durations("drover_cfs_step_duration_seconds", "Time that steps of sessions took, by outcome: ok or failed.", []string{"step", "outcome"}, func(show func(*tally.Durations, ...string)) {
		for i, step := range cfs.JobSteps {
			show(f.Took[i], step, "ok")
			show(f.TookInVain[i], step, "failed")
		}
	})
}

// measureRecords shows what journal and audit log wrote.
func (s *Server) measureRecords() {
	m := s.metrics
	m.Counter("drover_journal_entries_total", "Entries of the journal that were written.", func() int64 { return s.journal.Written().Entries })
	m.Counter("drover_journal_bytes_total", "Bytes of the journal that were written, packed.", func() int64 { return s.journal.Written().Bytes })
	m.Counters("drover_audit_records_total", "Records of the audit log that were written, by outcome of what they are about.", []string{"outcome"}, func(show metrics.Show) {
		for _, outcome := range audit.Outcomes {
			show(float64(s.audit.Written(outcome)), string(outcome))
		}
	})
	m.Gauge("drover_audit_writable", "1 if the audit log can be written, else 0: then what would have to be in it is refused.", func() (float64, error) {
		if s.audit.Owing() {
			return 0, nil
		}
		return 1, nil
	})
}
