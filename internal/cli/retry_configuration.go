package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/progress"
	"github.com/drover-hpc/drover/internal/xname"
)

// configuration retries a session of CFS, if it is one.
func (r *retrier) configuration(ctx context.Context) (is bool, err error) {
	var old cfs.Session
	path := cfsSessions + httpapi.Segment(r.name)
	if is, err = r.found(ctx, path, &old); !is || err != nil {
		return is, err
	}
	if stage := old.Status.Session.Status; stage != cfs.StageComplete {
		return true, r.unfinished(string(stage))
	}
	told, err := r.failedHosts(ctx, &old)
	if err != nil {
		return true, err
	}
	if len(told.Nodes)+len(told.LeftOut) == 0 && old.Status.Session.Succeeded != cfs.SucceededTrue {
		var log struct{ Message string }
		if err := r.get(ctx, path+"/log", &log); err != nil {
			return true, err
		}
		limit := ""
		if old.Ansible.Limit != nil {
			limit = *old.Ansible.Limit
		}
		return true, r.asAWhole(cmp.Or(log.Message, "CFS does not say why"), "drover cfs v3 sessions create --name NAME --configuration-name "+old.Configuration.Name, "ansible-limit", limit)
	}
	if over, err := r.begins(told, fmt.Sprintf("Run configuration %s on %s", old.Configuration.Name, hostsOf(&old, told))); over || err != nil {
		return true, err
	}
	return true, r.startRun(ctx, &old, told)
}

// failedHosts are the hosts on which the session failed, without those that another one
// is configuring. Of images all are taken: where one fails, none results.
func (r *retrier) failedHosts(ctx context.Context, old *cfs.Session) (*retried, error) {
	told := &retried{Session: r.name, Service: "CFS", Nodes: []string{}, LeftOut: []leftOut{}}
	if old.Target.Definition == cfs.TargetImage {
		if old.Status.Session.Succeeded != cfs.SucceededTrue {
			for _, g := range old.Target.Groups {
				told.Nodes = append(told.Nodes, g.Members...)
			}
			slices.Sort(told.Nodes)
			told.Nodes = slices.Compact(told.Nodes)
		}
		return told, nil
	}
	hosts, err := r.wrongHosts(ctx, r.name)
	if err != nil || len(hosts) == 0 {
		return told, err
	}
	busy, err := r.configuring(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		if by := cmp.Or(busy[h], busy[""]); by != "" {
			told.leave(h, "session "+by+" configures it")
		} else {
			told.Nodes = append(told.Nodes, h)
		}
	}
	return told, nil
}

// hostsOf is how many nodes are retried, or images, and which.
func hostsOf(old *cfs.Session, told *retried) string {
	if old.Target.Definition == cfs.TargetImage {
		return fmt.Sprintf("%d images (%s)", len(told.Nodes), strings.Join(told.Nodes, ", "))
	}
	return manyNodes(told.Nodes)
}

// wrongHosts are the hosts that did not get through a session of CFS.
func (s *session) wrongHosts(ctx context.Context, name string) (hosts []string, err error) {
	var counts struct{ Hosts []cfs.HostResults }
	err = s.get(ctx, cfsSessions+httpapi.Segment(name)+"/hosts", &counts)
	for i := range counts.Hosts {
		if counts.Hosts[i].Wrong() {
			hosts = append(hosts, counts.Hosts[i].Host)
		}
	}
	return hosts, err
}

// openRuns bounds how many sessions of CFS that are not complete are looked at.
const openRuns = 1000

// configuring are the sessions of CFS that are not complete by the hosts to which they
// are limited; without a name one that is limited to none.
func (s *session) configuring(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, stage := range []cfs.Stage{cfs.StagePending, cfs.StageRunning} {
		var page struct{ Sessions []cfs.Session }
		if err := s.get(ctx, fmt.Sprintf("%s?status=%s&limit=%d", strings.TrimSuffix(cfsSessions, "/"), stage, openRuns), &page); err != nil {
			return nil, err
		}
		for i := range page.Sessions {
			one := &page.Sessions[i]
			switch {
			case one.Target.Definition == cfs.TargetImage:
			case one.Ansible.Limit == nil || *one.Ansible.Limit == "":
				out[""] = one.Name
			default:
				for _, host := range strings.Split(*one.Ansible.Limit, ",") {
					out[host] = one.Name
				}
			}
		}
	}
	return out, nil
}

// startRun starts the session and follows it if that is wished.
func (r *retrier) startRun(ctx context.Context, old *cfs.Session, told *retried) error {
	wish := map[string]any{"name": cmp.Or(r.called, "retry-"+uuid.NewString()), "configuration_name": old.Configuration.Name,
		"ansible_verbosity": old.Ansible.Verbosity, "target": old.Target, "debug_on_failure": old.DebugOnFailure}
	if len(old.Tags) > 0 {
		wish["tags"] = old.Tags
	}
	optional := map[string]string{"configuration_limit": old.Configuration.Limit, "ansible_config": old.Ansible.Config}
	if old.Ansible.Passthrough != nil {
		optional["ansible_passthrough"] = *old.Ansible.Passthrough
	}
	if old.Target.Definition != cfs.TargetImage {
		optional["ansible_limit"] = strings.Join(told.Nodes, ",")
	}
	for key, value := range optional {
		if value != "" {
			wish[key] = value
		}
	}
	var record cfs.Session
	if err := r.call(ctx, http.MethodPost, strings.TrimSuffix(cfsSessions, "/"), wish, &record); err != nil {
		return err
	}
	return r.begun(ctx, &r.waiting, told.with(record),
		fmt.Sprintf("session %s: configuration %s on %s\n", record.Name, record.Configuration.Name, hostsOf(old, told)),
		fmt.Sprintf("Next: drover logs -f %[1]s follows it, drover cancel %[1]s ends it\n", record.Name),
		func(ctx context.Context) (any, error) {
			end, err := r.awaitRun(ctx, record.Name)
			return told.endedAs(end), err
		})
}

// awaitRun prints how far a session of CFS is, until it is complete, and which hosts
// failed in it.
func (s *session) awaitRun(ctx context.Context, name string) (*cfs.Session, error) {
	var last cfs.Stage
	var run cfs.Session
	err := await(ctx, nil, func() (bool, error) {
		run = cfs.Session{}
		if err := s.get(ctx, cfsSessions+httpapi.Segment(name), &run); err != nil {
			return false, err
		}
		if stage := run.Status.Session.Status; stage != last {
			last = stage
			fmt.Fprintf(s.progress(), "session %s is %s\n", name, stage)
		}
		return run.Status.Session.Status == cfs.StageComplete, nil
	})
	if err != nil {
		return &run, waitError(ctx, err, "session "+name)
	}
	if run.Status.Session.Succeeded == cfs.SucceededTrue {
		return &run, nil
	}
	return &run, s.runFailed(ctx, name)
}

// runFailed says on which hosts a session of CFS failed, and why.
func (s *session) runFailed(ctx context.Context, name string) error {
	why := progress.Reasons{}
	s.progressed().FailedTasks(ctx, name, why)
	byReason := map[string][]string{}
	for host, words := range why {
		byReason[words] = append(byReason[words], host)
	}
	for _, words := range slices.Sorted(maps.Keys(byReason)) {
		fmt.Fprintln(s.progress(), harmless("failed "+xname.Fold(byReason[words])+": "+words))
	}
	return failed("session %[1]s did not succeed: `drover logs %[1]s` shows what it wrote", name)
}
