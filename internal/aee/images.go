package aee

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
)

// imageJobs is the file that names the session's jobs in IMS, from the moment
// that there are any.
const imageJobs = "image_jobs.json"

// imageJob is a job of IMS that holds an image open for the session.
type imageJob struct {
	Image  string `json:"image_id"`
	Job    string `json:"job_id"`
	Result string `json:"result_name"`
	Host   string `json:"host,omitempty"` // of its shell, once there is one
	Port   int    `json:"port,omitempty"`
}

const (
	imsPause   = time.Second            // between two looks at a job of IMS
	sshProbe   = 500 * time.Millisecond // between two tries of a new shell
	probeLimit = 5 * time.Minute        // for a new shell to answer
)

func (s *Settings) images() *ims.Client { return ims.NewClient(s.client("IMS", s.IMS, imsPath)) }

func imageKey(d Dir) string { return d.Path("ssh", "id_image") }

// images opens the session's images.
type images struct {
	dir     Dir
	session cfs.Job
	ims     *ims.Client
	cfs     *cfs.Client
	out     io.Writer

	mu   sync.Mutex
	jobs []imageJob
}

// openImages has IMS open a shell in each image. The shells' key is gone from
// IMS when it returns: the jobs have it.
func openImages(ctx context.Context, d Dir, session cfs.Job, settings *Settings, out io.Writer) ([]imageJob, error) {
	i := images{dir: d, session: session, ims: settings.images(), cfs: settings.configurations(), out: out}
	public, err := makeKey(ctx, d)
	if err != nil {
		return nil, err
	}
	k, err := i.ims.CreatePublicKey(ctx, ims.NewPublicKey{Name: ims.SessionKey(session.Session), PublicKey: public})
	if err != nil {
		return nil, fmt.Errorf("give IMS the key of the shells: %w", err)
	}
	group, all := errgroup.WithContext(ctx)
	for _, image := range session.Images {
		group.Go(func() error {
			if err := i.open(all, image, k.ID); err != nil {
				return fmt.Errorf("image %s: %w", image.ID, err)
			}
			return nil
		})
	}
	err = group.Wait()
	if kerr := i.ims.DeletePublicKey(context.WithoutCancel(ctx), k.ID); kerr != nil {
		fmt.Fprintf(out, "remove the key of the shells from IMS: %v\n", kerr)
	}
	return i.jobs, err
}

// makeKey makes the key pair of the shells and returns its public half.
func makeKey(ctx context.Context, d Dir) (string, error) {
	if err := d.Mkdir("ssh"); err != nil {
		return "", err
	}
	said, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "cfs", "-f", imageKey(d)).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make the key of the shells: %w: %s", err, said)
	}
	public, err := os.ReadFile(imageKey(d) + ".pub")
	return strings.TrimSpace(string(public)), err
}

// open starts a job for the image and waits until its shell answers.
func (i *images) open(ctx context.Context, image cfs.JobImage, key string) error {
	name := image.Result
	if name == "" {
		found, err := i.ims.Image(ctx, image.ID)
		if err != nil {
			return err
		}
		name = found.Name + "_cfs_" + i.session.Session
	}
	order := ims.NewJob{Type: ims.Customize, ArtifactID: image.ID, KeyID: key, Name: name,
		Containers: []ims.SSHContainer{{Name: i.session.Session, Jail: true}}}
	if i.session.DKMS {
		order.DKMS = &i.session.DKMS
	}
	started, err := i.ims.CreateJob(ctx, order)
	if err != nil {
		return fmt.Errorf("have IMS open it: %w", err)
	}
	fmt.Fprintf(i.out, "image %s: job %s of IMS makes '%s' of it\n", image.ID, started.ID, name)
	mine := imageJob{Image: image.ID, Job: started.ID, Result: name}
	if err := i.note(mine); err != nil {
		return err
	}
	if err := i.cfs.SetImageJob(ctx, i.session.Session, started.ID); err != nil {
		return fmt.Errorf("note the job in the session's record: %w", err)
	}
	address, err := i.shell(ctx, started.ID)
	if err != nil {
		return err
	}
	mine.Host, mine.Port = address.Host, address.Port
	if err := i.note(mine); err != nil {
		return err
	}
	if err := i.answers(ctx, mine); err != nil {
		return err
	}
	fmt.Fprintf(i.out, "image %s: open at %s port %d\n", image.ID, mine.Host, mine.Port)
	return nil
}

// note keeps what is known of a job, for whoever has to end it.
func (i *images) note(j imageJob) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.jobs {
		if i.jobs[n].Job == j.Job {
			i.jobs[n] = j
			return i.dir.Write(imageJobs, i.jobs)
		}
	}
	i.jobs = append(i.jobs, j)
	return i.dir.Write(imageJobs, i.jobs)
}

// shell waits for the job to wait for its user and returns where.
func (i *images) shell(ctx context.Context, id string) (address ims.SSHAddress, err error) {
	err = i.follow(ctx, id, func(j ims.Job) (bool, error) {
		for _, c := range j.Containers {
			if a, is := c.ConnectionInfo["cluster.local"]; is && c.Name == i.session.Session && j.Status == ims.JobWaitingOnUser {
				address = a
				return true, nil
			}
		}
		if j.Status.Final() {
			return false, ended(j, "before there was a shell")
		}
		return false, nil
	})
	return address, err
}

// ended says how a job ended that should not have.
func ended(j ims.Job, when string) error {
	return fmt.Errorf("job %s of IMS ended with %s %s: %s", j.ID, j.Status, when, cmp.Or(j.Error, "it does not say why"))
}

// follow looks at the job until done says so.
func (i *images) follow(ctx context.Context, id string, done func(ims.Job) (bool, error)) error {
	tick := time.NewTicker(imsPause)
	defer tick.Stop()
	for last := ims.JobStatus(""); ; {
		j, err := i.ims.Job(ctx, id)
		if err != nil {
			return err
		}
		if ok, err := done(j); ok || err != nil {
			return err
		}
		if j.Status != last {
			last = j.Status
			fmt.Fprintf(i.out, "job %s of IMS: %s\n", id, j.Status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// answers waits until a command runs in the shell.
func (i *images) answers(ctx context.Context, j imageJob) error {
	var said string
	for end := time.Now().Add(probeLimit); time.Now().Before(end); {
		out, err := inShell(ctx, i.dir, j, "true")
		if err == nil {
			return nil
		}
		said = out
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(sshProbe):
		}
	}
	return fault.New(fault.Unavailable, "its shell at %s port %d runs no command within %v: %s", j.Host, j.Port, probeLimit, job.Clean(said))
}

// inShell runs a command in the job's shell.
func inShell(ctx context.Context, d Dir, j imageJob, command string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ssh", "-i", imageKey(d), "-p", strconv.Itoa(j.Port), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "ControlPath=none", "-o", "ConnectTimeout=10", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
		"root@"+j.Host, command).CombinedOutput()
	return string(out), err
}

// imageInventory has the session's groups, and cfs_image with all images and
// how they are reached.
func imageInventory(groups []cfs.TargetGroup, jobs []imageJob, key string) inventory {
	inv := inventory{}
	for _, g := range groups {
		inv[g.Name] = hostGroup(g.Members, whereabouts{})
	}
	all := &group{Hosts: map[string]hostVars{}}
	for _, j := range jobs {
		all.Hosts[j.Image] = hostVars{"ansible_host": j.Host, "ansible_port": j.Port, "ansible_user": "root", "cray_cfs_image": true,
			"ansible_python_interpreter": "/usr/bin/env python3", "ansible_ssh_private_key_file": key}
	}
	inv["cfs_image"] = all
	return inv
}

// closeImages ends the session's jobs in IMS: with images if Ansible got
// through all layers, which it waits for and tells CFS of, else without. It
// returns what kept an image from being made.
func closeImages(ctx context.Context, d Dir, settings *Settings, out io.Writer) error {
	jobs, err := job.Read[[]imageJob](d, imageJobs)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	session, jerr := readJob(d)
	if err = errors.Join(err, jerr); err != nil {
		return err
	}
	i := images{dir: d, session: session, ims: settings.images(), cfs: settings.configurations(), out: out, jobs: jobs}
	good := applied(d)
	errs := make([]error, len(jobs))
	var group errgroup.Group
	for n, j := range jobs {
		group.Go(func() error {
			if good {
				errs[n] = i.keep(ctx, j)
			} else {
				errs[n] = i.drop(ctx, j)
			}
			if errs[n] != nil {
				errs[n] = fmt.Errorf("image %s: %w", j.Image, errs[n])
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // none returns one
	return errors.Join(errs...)
}

// applied reports whether Ansible got to the end of all layers.
func applied(d Dir) bool {
	steps, err := d.Steps()
	if err != nil {
		return false
	}
	for _, s := range steps {
		if s.Name == StepAnsible {
			return s.Exit == 0 && !s.Ended.IsZero()
		}
	}
	return false
}

// keep has IMS make the image, and tells CFS of it.
func (i *images) keep(ctx context.Context, j imageJob) error {
	if err := i.mark(ctx, j, "/tmp/complete"); err != nil {
		return err
	}
	return i.follow(ctx, j.Job, func(now ims.Job) (bool, error) {
		switch {
		case now.ImageID != nil:
			fmt.Fprintf(i.out, "image %s: became %s, '%s'\n", j.Image, *now.ImageID, j.Result)
			return true, i.cfs.AddArtifact(ctx, i.session.Session, cfs.Artifact{ImageID: j.Image, ResultID: *now.ImageID, Type: "ims_customized_image"})
		case now.Status.Final():
			return false, ended(now, "without an image")
		}
		return false, nil
	})
}

// drop has IMS end the job without an image. One that has no shell yet, or
// does not hear, is deleted.
func (i *images) drop(ctx context.Context, j imageJob) error {
	if j.Host != "" {
		if err := i.mark(ctx, j, "/tmp/failed"); err == nil {
			return nil
		}
	}
	return i.ims.DeleteJob(ctx, j.Job)
}

// markTries is how often a marker is set before the shell counts as deaf.
const markTries = 10

// mark sets a marker in the image's shell, which ends it.
func (i *images) mark(ctx context.Context, j imageJob, path string) error {
	var said string
	var err error
	for range markTries {
		// The shell may end with its marker before ssh has its answer.
		if said, err = inShell(ctx, i.dir, j, "touch "+path); err == nil {
			return nil
		}
		if now, lerr := i.ims.Job(ctx, j.Job); lerr == nil && now.Status != ims.JobWaitingOnUser {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return fmt.Errorf("end its shell at %s port %d: %w: %s", j.Host, j.Port, err, job.Clean(said))
}
