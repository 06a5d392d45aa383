package server

import (
	"context"

	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/metrics"
	"github.com/drover-hpc/drover/internal/pcs"
)

// otherState is what counts as one that are in no state known here.
const otherState = "other"

// standing shows how many there are in each of the states, which are all that there
// can be, by a label.
func (s *Server) standing(name, help, label string, states []string, count func(context.Context) (map[string]int, error)) {
	s.metrics.Gauges(name, help, []string{label}, func(show metrics.Show) error {
		ctx, cancel := figureContext()
		defer cancel()
		counts, err := count(ctx)
		if err != nil {
			return err
		}
		for _, state := range states {
			show(float64(counts[state]), state)
			delete(counts, state)
		}
		rest := 0
		for _, n := range counts {
			rest += n
		}
		show(float64(rest), otherState)
		return nil
	})
}

func (s *Server) measureHSM(service *hsm.Service) {
	s.standing("drover_hsm_nodes", "Nodes that HSM knows, by state.", "state", hsm.States(), service.NodesByState)
}

func (s *Server) measurePCS(service *pcs.Service) {
	s.standing("drover_pcs_nodes", "Nodes by power state, as PCS saw it last.", "power",
		[]string{string(pcs.PowerOn), string(pcs.PowerOff), string(pcs.PowerUndefined)}, service.NodesByPower)
	s.metrics.Gauge("drover_pcs_transitions_running", "Transitions of PCS that are being carried out.", service.TransitionsRunning)
	s.metrics.Counter("drover_pcs_transitions_completed_total", "Transitions of PCS that were carried out to their end, whatever became of each component.", service.TransitionsCompleted)
	s.metrics.Counter("drover_pcs_transitions_aborted_total", "Transitions of PCS that somebody aborted.", service.TransitionsAborted)
	s.metrics.Gauge("drover_pcs_bmcs_telling", "BMCs that tell of changes of power by events, as far as is known.", service.BMCsThatTell)
	s.metrics.Counter("drover_pcs_bmc_events_total", "Events that BMCs sent.", service.EventsHeard)
	s.metrics.Counter("drover_pcs_bmc_changes_untold_total", "Changes of power of which a BMC did not tell that was to.", service.ChangesUntold)
}

func (s *Server) measureBOS(service *bos.Service) {
	s.standing("drover_bos_components", "Components of BOS, by status.", "status", []string{bos.StatusStable, bos.StatusOnHold, bos.StatusFailed, bos.StatusPowerOnPending, bos.StatusPowerOnCalled,
		bos.StatusPowerOffPending, bos.StatusPowerOffGently, bos.StatusPowerOffHard, bos.StatusConfiguring}, service.ComponentsByStatus)
	s.standing("drover_bos_components_by_phase", "Components of BOS, by phase: none if nothing is done to the node.", "phase",
		[]string{noPhase, string(bos.PhaseOn), string(bos.PhaseOff), string(bos.PhaseConfigure)}, func(ctx context.Context) (map[string]int, error) {
			counts, err := service.ComponentsByPhase(ctx)
			if err == nil {
				counts[noPhase] = counts[string(bos.NoPhase)]
				delete(counts, string(bos.NoPhase))
			}
			return counts, err
		})
	s.standing("drover_bos_sessions", "Sessions of BOS v2, by status.", "status",
		[]string{string(bos.SessionPending), string(bos.SessionRunning), string(bos.SessionComplete)}, service.SessionsByStatus)
}

// noPhase is what a component is in that nothing is done to.
const noPhase = "none"

func (s *Server) measureCFS(service *cfs.Service) {
	s.standing("drover_cfs_components", "Components of CFS, by configuration status.", "status",
		[]string{string(cfs.Unconfigured), string(cfs.Pending), string(cfs.Failed), string(cfs.Configured)}, service.ComponentsByStatus)
	s.standing("drover_cfs_sessions", "Sessions of CFS, by status.", "status",
		[]string{string(cfs.StagePending), string(cfs.StageRunning), string(cfs.StageComplete)}, service.SessionsByStatus)
}
