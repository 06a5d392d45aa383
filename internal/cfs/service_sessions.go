package cfs

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/audit"
	"github.com/drover-hpc/drover/internal/job"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// debugPlaybooks are the configurations that exist without a record, with the
// playbook that each runs.
var debugPlaybooks = map[string]string{"debug_fail": "fail.yaml", "debug_facts": "facts.yaml", "debug_noop": "noop.yaml"}

// DebugLayer is the name of the pseudo-layer of a debug configuration; its
// playbook comes with the executor, it has no repository.
const DebugLayer = "_debug"

// CreateOptions says how CreateSession behaves.
type CreateOptions struct {
	Tenant string // who asks; empty is the administrator
	// Debug allows the debug configurations that exist without a record.
	Debug bool
}

// CreateSession records a session, pins what it will run, and publishes the
// event, in one transaction.
func (s *Service) CreateSession(ctx context.Context, n NewSession, o CreateOptions) (Session, error) {
	if err := s.tenant(ctx, o.Tenant); err != nil {
		return Session{}, err
	}
	var out Session
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.sessions.Get(ctx, n.Name); err == nil {
			return fault.Titled(fault.Conflict, "Conflicting session name", "session '%s' already exists", n.Name)
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		options, err := s.Options(ctx)
		if err != nil {
			return err
		}
		pinned, err := s.pin(ctx, n, o, options)
		if err != nil {
			return err
		}
		if err := n.Target.check(); err != nil {
			return err
		}
		if err := CheckAnsibleConfig("ansible_config", n.AnsibleConfig); err != nil {
			return err
		}
		if err := checkLimit(pinned.Limit); err != nil {
			return err
		}
		if err := checkPassthrough(pinned.Passthrough); err != nil {
			return err
		}
		out = n.record(pinned, s.cfg.Now())
		if err := titled(s.sessions.Insert(ctx, out), fault.Conflict, "Conflicting session name"); err != nil {
			return err
		}
		if err := s.runs.Put(ctx, Run{Session: n.Name, Job: pinned, State: JobState{Phase: job.Waiting}}); err != nil {
			return err
		}
		s.link(&out, options)
		return s.publish(ctx, EventCreate, out)
	})
	audit.Tell(ctx, audit.About{Session: n.Name, What: "configuration " + n.ConfigurationName})
	return out, err
}

// pin fixes what the session will run.
func (s *Service) pin(ctx context.Context, n NewSession, o CreateOptions, options Options) (Job, error) {
	job := Job{ID: "cfs-" + s.cfg.NewID(), Session: n.Name, Configuration: n.ConfigurationName, Selection: n.ConfigurationLimit, Target: n.Target.Definition, Groups: n.Target.named(), Images: n.Target.images(),
		AnsibleConfig: orDefault(n.AnsibleConfig, options.DefaultAnsibleConfig), Limit: deref(n.AnsibleLimit),
		Passthrough: deref(n.AnsiblePassthrough), Verbosity: n.AnsibleVerbosity}
	if n.DebugOnFailure {
		job.DebugWait = time.Duration(options.DebugWaitTime) * time.Second
	}
	debug := debugPlaybooks[n.ConfigurationName]
	c, err := s.ownConfiguration(ctx, n.ConfigurationName, o.Tenant)
	switch {
	case err == nil:
		debug = ""
	case fault.Is(err, fault.NotFound) && o.Debug && debug != "":
		job.Layers = []JobLayer{{Name: DebugLayer, Playbook: debug}}
	case fault.Is(err, fault.NotFound):
		return job, fault.Titled(fault.Invalid, "Invalid configuration", "configuration '%s' does not exist", n.ConfigurationName)
	default:
		return job, err
	}
	job.RecordState = debug == "" && n.Target.Definition != TargetImage && job.Passthrough == ""
	inventory := c.AdditionalInventory
	if inventory == nil && (options.AdditionalInventorySource != "" || options.AdditionalInventoryURL != "") {
		inventory = &Layer{Source: options.AdditionalInventorySource}
		if inventory.Source == "" {
			inventory.CloneURL = options.AdditionalInventoryURL
		}
	}
	names := c.sources()
	if inventory != nil && inventory.Source != "" {
		names = append(names, inventory.Source)
	}
	urls, err := s.sourceURLs(ctx, names)
	if err != nil {
		return job, err
	}
	for _, name := range names {
		if _, found := urls[name]; !found {
			return job, fault.Titled(fault.Invalid, "Source does not exist",
				"source '%s' does not exist; configuration '%s' or the option additional_inventory_source names it", name, n.ConfigurationName)
		}
	}
	job.DKMS = n.Target.Definition == TargetImage && c.requiresDKMS()
	if debug == "" {
		job.Layers = selectLayers(c.pin(urls, options.DefaultPlaybook), n.ConfigurationLimit)
	}
	if inventory != nil {
		pinned := inventory.pin(0, urls, "")
		job.Inventory = &pinned
	}
	return job, nil
}

// record is the session as it begins.
func (n NewSession) record(job Job, now time.Time) Session {
	target, tags := n.Target, n.Tags
	if len(target.ImageMap) == 0 {
		target.ImageMap = nil
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return Session{Name: n.Name, Target: target, Tags: tags, DebugOnFailure: n.DebugOnFailure,
		Configuration: SessionConfiguration{Name: n.ConfigurationName, Limit: n.ConfigurationLimit},
		Ansible: SessionAnsible{Config: job.AnsibleConfig, Limit: n.AnsibleLimit, Verbosity: n.AnsibleVerbosity,
			Passthrough: n.AnsiblePassthrough},
		Status: SessionStatus{Artifacts: []Artifact{},
			Session: RunStatus{Status: StagePending, Succeeded: SucceededNone, StartTime: sessionTime(now)}}}
}

// link fills the link to the Ansible records in.
func (s *Service) link(session *Session, options Options) {
	session.Logs = nil
	if options.IncludeARALinks {
		link := s.cfg.ARAHost + "/?label=" + session.Name
		session.Logs = &link
	}
}

// Sessions returns a page of the sessions that the filter selects, and whether
// there are more.
func (s *Service) Sessions(ctx context.Context, f SessionFilter, p Page) ([]Session, bool, error) {
	match, err := f.matcher(s.cfg.Now())
	if err != nil {
		return nil, false, err
	}
	options, err := s.Options(ctx)
	if err != nil {
		return nil, false, err
	}
	if p.Limit == 0 {
		p.Limit = options.DefaultPageSize
	}
	out, more, err := readPage(ctx, s.sessions, sessionName, f.query(), p, match)
	for i := range out {
		s.link(&out[i], options)
	}
	return out, more, err
}

// Session returns one session.
func (s *Service) Session(ctx context.Context, name string) (Session, error) {
	session, err := s.sessions.Get(ctx, name)
	if err != nil {
		return session, titled(err, fault.NotFound, "Session not found.")
	}
	options, err := s.Options(ctx)
	s.link(&session, options)
	return session, err
}

// PatchSession changes the status of a session; keepJob refuses to set a job
// where there is one.
func (s *Service) PatchSession(ctx context.Context, name string, patch map[string]json.RawMessage, keepJob bool) (Session, error) {
	session, err := s.sessions.UpdateOne(ctx, name, func(session *Session) error { return patchSession(session, patch, keepJob) })
	return session, titled(err, fault.NotFound, "Session not found.")
}

// Run returns what is known of a session's job.
func (s *Service) Run(ctx context.Context, name string) (Run, error) {
	run, err := s.runs.Get(ctx, name)
	return run, titled(err, fault.NotFound, "Session not found.")
}

// DeleteSession removes a session; of several callers one succeeds. The event
// has the operator stop its job.
func (s *Service) DeleteSession(ctx context.Context, name string) error {
	return s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		n, err := s.remove(ctx, []string{name}, func(*Session) bool { return true })
		if err == nil && len(n) == 0 {
			err = fault.Titled(fault.NotFound, "Session not found.", "Session '%s' does not exist", name)
		}
		return err
	})
}

// DeleteSessions removes the sessions that the filter selects and returns
// their names. Calls at the same time never return the same one.
func (s *Service) DeleteSessions(ctx context.Context, f SessionFilter) ([]string, error) {
	match, err := f.matcher(s.cfg.Now())
	if err != nil {
		return nil, err
	}
	gone := []string{}
	err = s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		all, err := s.sessions.List(ctx, f.query())
		if err != nil {
			return err
		}
		var names []string
		for i := range all {
			if match == nil || match(&all[i]) {
				names = append(names, all[i].Name)
			}
		}
		gone, err = s.remove(ctx, names, func(now *Session) bool {
			return f.Status == "" || string(now.Status.Session.Status) == f.Status
		})
		return err
	})
	return gone, err
}

// remove deletes those of the sessions that exist and still match once they
// are locked, with their runs, and publishes the events. It needs a
// transaction.
func (s *Service) remove(ctx context.Context, names []string, match func(*Session) bool) ([]string, error) {
	if len(names) == 0 {
		return []string{}, nil
	}
	locked, _, err := s.sessions.Update(ctx, names, func(*Session) error { return store.ErrUnchanged })
	if err != nil {
		return nil, err
	}
	gone := []string{}
	var removed []Session
	for i := range locked {
		if match(&locked[i]) {
			gone, removed = append(gone, locked[i].Name), append(removed, locked[i])
		}
	}
	if _, err := s.sessions.Delete(ctx, gone...); err != nil {
		return nil, err
	}
	if _, err := s.runs.Delete(ctx, gone...); err != nil {
		return nil, err
	}
	return gone, s.publish(ctx, EventDelete, removed...)
}

// limitNodes are the nodes of an Ansible limit that is a plain list of names.
func limitNodes(limit string) []string {
	if limit == "" || strings.ContainsAny(limit, "*?[]!&:~@") {
		return nil
	}
	return strings.Split(limit, ",")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
