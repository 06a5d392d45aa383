package ims_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/store"
	"github.com/drover-hpc/drover/internal/store/storetest"
)

// runner runs nothing: jobs stand where a test says.
type runner struct {
	mu      sync.Mutex
	orders  map[string]ims.JobOrder
	stands  map[string]ims.JobProgress
	stopped []string
	refuses error
	changed chan string
}

func newRunner() *runner {
	return &runner{orders: map[string]ims.JobOrder{}, stands: map[string]ims.JobProgress{}, changed: make(chan string, 100)}
}

func (r *runner) Refuse(ims.JobOrder) error { return r.refuses }

func (r *runner) Start(_ context.Context, o ims.JobOrder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orders[o.ID] = o
	if _, there := r.stands[o.ID]; !there {
		r.stands[o.ID] = ims.JobProgress{State: job.State{Phase: job.Waiting}}
	}
	return nil
}

func (r *runner) Progress(id string) ims.JobProgress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, there := r.stands[id]; there {
		return p
	}
	return ims.JobProgress{State: job.State{Phase: job.Lost}}
}

func (r *runner) Stop(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = append(r.stopped, id)
	delete(r.orders, id)
	delete(r.stands, id)
	return nil
}

func (r *runner) Jobs() (ids []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.orders {
		ids = append(ids, id)
	}
	return ids, nil
}

func (r *runner) Logs(context.Context, string) ([]ims.JobLog, error) { return nil, nil }
func (r *runner) Changed() <-chan string                             { return r.changed }

// stand has the job stand there, and tells of it.
func (r *runner) stand(id string, p ims.JobProgress) {
	r.mu.Lock()
	r.stands[id] = p
	r.mu.Unlock()
	r.changed <- id
}

func (r *runner) at(id, step string, shell *ims.SSHAddress) {
	r.stand(id, ims.JobProgress{State: job.State{Phase: job.Running, Step: step}, Shell: shell})
}

func (r *runner) order(id string) ims.JobOrder {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orders[id]
}

func (r *runner) wasStopped(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.stopped, id)
}

// withJobs is a service that runs jobs, with an image and a key to make them of.
func withJobs(t *testing.T, run *runner) (r rig, n ims.NewJob) {
	t.Helper()
	hub := events.NewHub()
	db, err := store.Open(t.Context(), storetest.Migrated(t), hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	o := objects{}
	service := ims.NewService(ims.Config{DB: db, Objects: o, Hub: hub, Runner: run, Now: time.Now})
	mux := http.NewServeMux()
	ims.Register(httpapi.New(mux, "/apis/ims", "IMS", "3"), service)
	c := httpapi.NewClient("IMS", "http://local/apis/ims", httpapi.Local(mux))
	c.Retries = 0
	r = rig{t: t, http: c, client: ims.NewClient(c), objects: o}
	image := r.create("base")
	var key ims.PublicKey
	r.must("POST", "/v3/public-keys", ims.NewPublicKey{Name: "k", PublicKey: aPublicKey + " me\n"}, &key)
	service.Start(context.Background())
	t.Cleanup(service.Stop)
	return r, ims.NewJob{Type: ims.Customize, ArtifactID: image.ID, KeyID: key.ID, Name: "made"}
}

func (r rig) job(id string) (j ims.Job) {
	r.t.Helper()
	r.must("GET", "/v3/jobs/"+id, nil, &j)
	return j
}

func (r rig) eventually(what string, done func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s", what)
		}
	}
}

func TestJobIsPublishedAsTheInterfaceSays(t *testing.T) {
	run := newRunner()
	r, n := withJobs(t, run)
	var j map[string]any
	r.must("POST", "/jobs", n, &j)
	id := j["id"].(string)
	for field, want := range map[string]any{"job_type": "customize", "kernel_file_name": "vmlinuz", "initrd_file_name": "initrd",
		"kernel_parameters_file_name": "kernel-parameters", "build_env_size": 60.0, "job_mem_size": 8.0, "enable_debug": false,
		"require_dkms": true, "arch": "x86_64", "kubernetes_namespace": "ims", "kubernetes_job": "cray-ims-" + id + "-customize",
		"kubernetes_service": "cray-ims-" + id + "-service", "kubernetes_configmap": "cray-ims-" + id + "-configmap",
		"status": "creating", "resultant_image_id": nil, "image_root_archive_name": "made"} {
		if j[field] != want {
			t.Errorf("%s is %v, expected %v", field, j[field], want)
		}
	}
	shell := j["ssh_containers"].([]any)[0].(map[string]any)
	if shell["name"] != "customize" || shell["jail"] != false || shell["status"] != "pending" {
		t.Errorf("the shell is %v", shell)
	}
}

func TestStatusesFollowTheSteps(t *testing.T) {
	run := newRunner()
	r, n := withJobs(t, run)
	var j ims.Job
	r.must("POST", "/v3/jobs", n, &j)
	at := &ims.SSHAddress{Host: "127.0.0.1", Port: 2222}
	for _, s := range []struct {
		step   string
		shell  *ims.SSHAddress
		status ims.JobStatus
		is     ims.ContainerStatus
	}{
		{ims.StepFetch, nil, ims.JobFetchingImage, ims.ShellPending},
		{ims.StepUnpack, nil, ims.JobFetchingImage, ims.ShellPending},
		{ims.StepShell, nil, ims.JobFetchingImage, ims.ShellEstablishing},
		{ims.StepShell, at, ims.JobWaitingOnUser, ims.ShellActive},
		{ims.StepPack, nil, ims.JobPackaging, ims.ShellComplete},
		{ims.StepUpload, nil, ims.JobPackaging, ims.ShellComplete},
	} {
		run.at(j.ID, s.step, s.shell)
		r.eventually(string(s.status)+" with a shell "+string(s.is), func() bool {
			j = r.job(j.ID)
			return j.Status == s.status && j.Containers[0].Status == s.is
		})
		if info := j.Containers[0].ConnectionInfo; s.shell != nil && info["cluster.local"] != *at {
			t.Errorf("the shell is reached at %v", info)
		}
	}
	order := run.order(j.ID)
	run.stand(j.ID, ims.JobProgress{State: job.State{Phase: job.Succeeded}, Manifest: &ims.Link{Type: "s3", Path: "s3://boot-images/x/manifest.json"}})
	r.eventually("success", func() bool { j = r.job(j.ID); return j.Status == ims.JobSuccess })
	var i ims.Image
	r.must("GET", "/v3/images/"+*j.ImageID, nil, &i)
	if i.ID != order.ImageID || i.Name != "made" || i.Link == nil || order.PublicKey != aPublicKey+" me" {
		t.Errorf("the image is %+v of %+v", i, order)
	}
	var same ims.Job
	r.must("PATCH", "/v3/jobs/"+j.ID, ims.JobPatch{Status: ims.JobSuccess, ImageID: *j.ImageID}, &same)
	if err := r.do("PATCH", "/v3/jobs/"+j.ID, ims.JobPatch{Status: ims.JobError}, nil); !httpapi.IsStatus(err, 409) {
		t.Errorf("another status for a job that the service runs: %v", err)
	}
	r.must("DELETE", "/v3/jobs/"+j.ID, nil, nil)
	r.eventually("the job is stopped", func() bool { return run.wasStopped(j.ID) })
	r.must("GET", "/v3/images/"+*j.ImageID, nil, &i)
}

func TestFailedJobSaysWhyAndWhatItUploadedGoes(t *testing.T) {
	run := newRunner()
	r, n := withJobs(t, run)
	for _, p := range []struct {
		progress ims.JobProgress
		want     string
	}{
		{ims.JobProgress{State: job.State{Phase: job.Failed, Step: ims.StepPack, Message: "pack: no room"}}, "no room"},
		{ims.JobProgress{State: job.State{Phase: job.Lost}}, "left no trace"},
		{ims.JobProgress{State: job.State{Phase: job.Succeeded}}, "left no trace"}, // without a manifest
	} {
		var j ims.Job
		r.must("POST", "/v3/jobs", n, &j)
		r.eventually("start", func() bool { ids, _ := run.Jobs(); return slices.Contains(ids, j.ID) })
		run.stand(j.ID, p.progress)
		r.eventually("error", func() bool { j = r.job(j.ID); return j.Status == ims.JobError })
		if !strings.Contains(j.Error, p.want) || j.ImageID != nil {
			t.Errorf("%+v: the job says %q, image %v", p.progress, j.Error, j.ImageID)
		}
	}
}

// The machine of a job that ran has gone with its server: another server's runner
// has no trace of it.
func TestJobOfAMachineThatHasGoneSaysWhyAndCanBeMadeAgain(t *testing.T) {
	run := newRunner()
	r, n := withJobs(t, run)
	var j, again ims.Job
	r.must("POST", "/v3/jobs", n, &j)
	run.at(j.ID, ims.StepFetch, nil)
	r.eventually("it runs", func() bool { return r.job(j.ID).Status == ims.JobFetchingImage })
	run.stand(j.ID, ims.JobProgress{State: job.State{Phase: job.Lost, Message: "no trace of the job"}})
	r.eventually("error", func() bool { j = r.job(j.ID); return j.Status == ims.JobError })
	for _, want := range []string{"no trace of the job", "machine", "another job"} {
		if !strings.Contains(j.Error, want) {
			t.Errorf("the job says %q, without %q", j.Error, want)
		}
	}
	r.must("POST", "/v3/jobs", n, &again)
	run.at(again.ID, ims.StepFetch, nil)
	r.eventually("another one runs", func() bool { return r.job(again.ID).Status == ims.JobFetchingImage })
}

func TestJobThatNoRecordTellsOfIsEnded(t *testing.T) {
	run := newRunner()
	if err := run.Start(t.Context(), ims.JobOrder{ID: "of-another-database"}); err != nil {
		t.Fatal(err)
	}
	r, n := withJobs(t, run)
	r.eventually("the job is ended", func() bool { return run.wasStopped("of-another-database") })
	var j ims.Job
	r.must("POST", "/v3/jobs", n, &j)
	run.at(j.ID, ims.StepFetch, nil)
	r.eventually("a job goes on", func() bool { return r.job(j.ID).Status == ims.JobFetchingImage })
	if run.wasStopped(j.ID) {
		t.Error("a job with a record was ended")
	}
}

func TestRefusedJobIsNotKept(t *testing.T) {
	run := newRunner()
	run.refuses = fault.New(fault.Unavailable, "install squashfs-tools")
	r, n := withJobs(t, run)
	if err := r.do("POST", "/v3/jobs", n, nil); !httpapi.IsStatus(err, 503) || !strings.Contains(err.Error(), "squashfs-tools") {
		t.Errorf("got %v", err)
	}
	var all []ims.Job
	if r.must("GET", "/v3/jobs", nil, &all); len(all) != 0 {
		t.Errorf("kept: %+v", all)
	}
}

func TestDeletionOfJobsByAge(t *testing.T) {
	r, n := withJobs(t, newRunner())
	r.must("POST", "/v3/jobs", n, nil)
	var all []ims.Job
	for query, left := range map[string]int{"age=1h": 1, "age=4w3d5h": 1, "status=success": 1, "job_type=create": 1} {
		r.must("DELETE", "/v3/jobs?"+query, nil, nil)
		if r.must("GET", "/v3/jobs", nil, &all); len(all) != left {
			t.Errorf("%s leaves %d jobs, expected %d", query, len(all), left)
		}
	}
	for _, age := range []string{"1", "h", "1h2w", "-1d", "1y"} {
		if err := r.do("DELETE", "/v3/jobs?age="+age, nil, nil); !httpapi.IsStatus(err, 400) {
			t.Errorf("age %s: %v", age, err)
		}
	}
	r.must("DELETE", "/v2/jobs?age=0h", nil, nil)
	if r.must("GET", "/v3/jobs", nil, &all); len(all) != 0 {
		t.Errorf("left: %+v", all)
	}
}

func TestRemoteBuildNodes(t *testing.T) {
	r := start(t)
	r.must("POST", "/v3/remote-build-nodes", ims.BuildNode{Xname: "X3000c1s10b01n0"}, nil)
	for _, path := range []string{"/v3/remote-build-nodes", "/remote-build-nodes"} {
		var all []ims.BuildNode
		if r.must("GET", path, nil, &all); len(all) != 1 || all[0].Xname != "x3000c1s10b1n0" {
			t.Errorf("%s: %+v", path, all)
		}
	}
	if err := r.do("POST", "/v3/remote-build-nodes", ims.BuildNode{Xname: "x3000c1s10b1n0"}, nil); !httpapi.IsStatus(err, 409) {
		t.Errorf("a node twice: %v", err)
	}
	if err := r.do("POST", "/v3/remote-build-nodes", ims.BuildNode{Xname: "x3000"}, nil); !httpapi.IsStatus(err, 400) {
		t.Errorf("a cabinet: %v", err)
	}
	var status []ims.BuildNodeStatus
	r.must("GET", "/v3/remote-build-nodes/status/x3000c1s10b1n0", nil, &status)
	if len(status) != 1 || status[0].Able || !strings.Contains(status[0].SSH, "where the server runs") {
		t.Errorf("status %+v", status)
	}
	r.must("DELETE", "/v3/remote-build-nodes/x3000c1s10b1n0", nil, nil)
	if err := r.do("DELETE", "/v3/remote-build-nodes/x3000c1s10b1n0", nil, nil); !httpapi.IsStatus(err, 404) {
		t.Errorf("a node that is gone: %v", err)
	}
	r.must("DELETE", "/v3/remote-build-nodes", nil, nil)
}
