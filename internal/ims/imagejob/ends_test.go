package imagejob_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/need"
)

// small is an image that takes no time: a root with a few files. Its shell
// needs this machine's SSH server.
func (r *rig) small() ims.Image {
	r.t.Helper()
	if os.Geteuid() != 0 {
		need.Met(r.t, fault.New(fault.Unavailable, "image jobs run as root"))
	}
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		need.Met(r.t, err)
	}
	dir := r.t.TempDir()
	root := filepath.Join(dir, "root")
	for _, d := range []string{"bin", "etc", "tmp", "boot"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"etc/motd": "small\n", "boot/vmlinuz": "new kernel", "etc/passwd": "root:x:0:0::/root:/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	files := map[string]string{"rootfs": filepath.Join(dir, "rootfs"), "kernel": filepath.Join(root, "etc/motd"), "initrd": filepath.Join(root, "etc/motd")}
	if said, err := exec.Command("mksquashfs", root, files["rootfs"], "-no-progress").CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, said)
	}
	return r.register(files, ims.X86_64)
}

func open(n *ims.NewJob) { n.Containers[0].Jail = false }

// gone checks that nothing of the job is left on this machine.
func (r *rig) gone(id string) {
	r.t.Helper()
	r.eventually("no process of the job is left", func() bool { return len(job.Processes(id)) == 0 })
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), id) {
		r.t.Errorf("mounts of the job are seen outside it (%v)", err)
	}
	dir := filepath.Join(r.dir, "jobs", id)
	r.eventually("no loop device is left of the job", func() bool {
		files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, f := range files {
			if text, _ := os.ReadFile(f); strings.HasPrefix(string(text), dir) {
				return false
			}
		}
		return true
	})
	r.eventually("no file of the job is left but its records and logs", func() bool {
		return !slices.ContainsFunc([]string{"volume.img", "settings.json", "shell.json"}, func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		})
	})
}

// uploads are the objects of the image that the job was to make.
func (r *rig) uploads(id string) (found []string) {
	r.t.Helper()
	for _, file := range ims.ImageFiles {
		if _, err := objects.Head(r.t.Context(), ims.ImagePath(id, file)); err == nil {
			found = append(found, file)
		}
	}
	return found
}

// order is what the job was told to do.
func (r *rig) order(id string) ims.JobOrder {
	r.t.Helper()
	o, err := job.Read[ims.JobOrder](job.Dir(filepath.Join(r.dir, "jobs", id)), "order.json")
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

func TestShellWithoutAJailSeesTheHostsProgramsAndTheImage(t *testing.T) {
	r := start(t)
	j := r.reaches(r.customize(r.small().ID, open).ID, ims.JobWaitingOnUser)
	if got := r.sh(j, "cat /mnt/image/image-root/etc/motd; echo by hand > /mnt/image/image-root/etc/motd; touch /usr/here 2>/dev/null || echo sealed"); got != "small\nsealed" {
		t.Errorf("in the shell: %s", got)
	}
	r.sh(j, "touch /mnt/image/complete")
	j = r.reaches(j.ID, ims.JobSuccess)
	i := r.image(*j.ImageID)
	if text, err := os.ReadFile(filepath.Join(r.unpacked(i), "etc/motd")); err != nil || string(text) != "by hand\n" {
		t.Errorf("the image has %q, %v", text, err)
	}
	if text, err := objects.Get(t.Context(), r.manifest(i)[ims.KernelType].Link.Path, 100); err != nil || string(text) != "new kernel" {
		t.Errorf("the kernel is %q, %v: expected that of the root", text, err)
	}
	r.gone(j.ID)
}

func TestImageThatIsGivenUp(t *testing.T) {
	r := start(t)
	j := r.reaches(r.customize(r.small().ID, open).ID, ims.JobWaitingOnUser)
	o := r.order(j.ID)
	r.sh(j, "touch /mnt/image/failed")
	j = r.reaches(j.ID, ims.JobError)
	if !strings.Contains(j.Error, "/mnt/image/failed was made") || j.ImageID != nil {
		t.Errorf("the job ended so: %q, image %v", j.Error, j.ImageID)
	}
	r.gone(j.ID)
	if left := r.uploads(o.ImageID); left != nil {
		t.Errorf("uploaded: %v", left)
	}
}

func TestDeletedJobLeavesNothing(t *testing.T) {
	r := start(t)
	base := r.small()
	kept := r.customize(base.ID, open)
	j := r.reaches(r.customize(base.ID, open).ID, ims.JobWaitingOnUser)
	r.must("DELETE", "/v3/jobs/"+j.ID, nil, nil)
	if err := r.do("GET", "/v3/jobs/"+j.ID, nil, nil); !httpapi.IsStatus(err, 404) {
		t.Errorf("a deleted job: %v", err)
	}
	r.gone(j.ID)
	r.eventually("no trace of the job", func() bool { _, err := os.Stat(filepath.Join(r.dir, "jobs", j.ID)); return err != nil })
	r.must("DELETE", "/v3/jobs?age=1d", nil, nil)
	r.must("DELETE", "/v3/jobs?status=success&status=error", nil, nil)
	r.must("DELETE", "/v2/jobs?job_type=create", nil, nil)
	r.reaches(kept.ID, ims.JobWaitingOnUser)
	r.must("DELETE", "/v3/jobs?status=waiting_on_user&job_type=customize", nil, nil)
	if left := r.jobs(); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
	r.gone(kept.ID)
}

// step is the process of the job's step.
func (r *rig) step(id string) int {
	for _, pid := range job.Processes(id) {
		line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if words := strings.Split(string(line), "\x00"); len(words) > 2 && words[1] == "ims-job" && words[2] != "run" {
			return pid
		}
	}
	return 0
}

func TestKilledJobEndsTruthfully(t *testing.T) {
	r := start(t)
	base := r.small()
	for name, kill := range map[string]func(id string){
		"the step": func(id string) { syscall.Kill(r.step(id), syscall.SIGKILL) },
		"all of it": func(id string) {
			if err := job.EndProcesses(id); err != nil {
				t.Error(err)
			}
		},
	} {
		j := r.reaches(r.customize(base.ID, open).ID, ims.JobWaitingOnUser)
		kill(j.ID)
		j = r.reaches(j.ID, ims.JobError)
		if !strings.Contains(j.Error, "shell") {
			t.Errorf("%s killed: the job says %q, not in which step", name, j.Error)
		}
		r.gone(j.ID)
	}
}

func TestJobOutlivesItsServer(t *testing.T) {
	r := start(t)
	base := r.small()
	j := r.customize(base.ID, open)
	r.stop()
	r.serve()
	j = r.reaches(j.ID, ims.JobWaitingOnUser)
	r.stop()
	r.sh(j, "touch /mnt/image/complete") // the shell is there without a server
	dir := job.Dir(filepath.Join(r.dir, "jobs", j.ID))
	r.eventually("the job ends without a server", func() bool { _, err := dir.Result(); return err == nil })
	r.serve()
	j = r.reaches(j.ID, ims.JobSuccess)
	if i := r.image(*j.ImageID); i.Link == nil {
		t.Errorf("the image is %+v", i)
	}
}

func TestImageThatNeedsMoreRoomThanGranted(t *testing.T) {
	r := start(t)
	j := r.reaches(r.customize(r.small().ID, func(n *ims.NewJob) { open(n); n.BuildSize = 1 }).ID, ims.JobWaitingOnUser)
	if out, err := r.ssh(j, "fallocate -l 1200M /mnt/image/image-root/etc/large"); err == nil || !strings.Contains(out, "No space left") {
		t.Errorf("1200 MB in 1 GiB: %v %s", err, out)
	}
	r.sh(j, "head -c 560M /dev/urandom > /mnt/image/image-root/etc/large; touch /mnt/image/complete")
	j = r.reaches(j.ID, ims.JobError)
	if !strings.Contains(j.Error, "build_env_size") || !strings.Contains(j.Error, "1 GiB") {
		t.Errorf("the job says %q", j.Error)
	}
	r.gone(j.ID)
}

func TestSeveralJobsAtOnce(t *testing.T) {
	r := start(t)
	base := r.small()
	var wait sync.WaitGroup
	ids := make([]string, 6)
	for n := range ids {
		ids[n] = r.customize(base.ID, open).ID
	}
	for n, id := range ids {
		j := r.reaches(id, ims.JobWaitingOnUser)
		wait.Go(func() {
			if out, err := r.ssh(j, "echo "+strconv.Itoa(n)+" > /mnt/image/image-root/etc/motd && touch /mnt/image/complete"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wait.Wait()
	for n, id := range ids {
		i := r.image(*r.reaches(id, ims.JobSuccess).ImageID)
		if text, err := os.ReadFile(filepath.Join(r.unpacked(i), "etc/motd")); err != nil || string(text) != strconv.Itoa(n)+"\n" {
			t.Errorf("image %d has %q, %v", n, text, err)
		}
	}
}

func TestJobThatCannotBeginOrGoOn(t *testing.T) {
	r := start(t)
	base := r.small()
	if err := objects.Delete(t.Context(), ims.ImagePath(base.ID, "rootfs")); err != nil {
		t.Fatal(err)
	}
	j := r.reaches(r.customize(base.ID, open).ID, ims.JobError)
	if !strings.Contains(j.Error, "rootfs") {
		t.Errorf("without its root file system: %q", j.Error)
	}
	damaged := r.small()
	if _, err := objects.Put(t.Context(), ims.ImagePath(damaged.ID, "rootfs"), strings.NewReader("no squashfs"), 11, ""); err != nil {
		t.Fatal(err)
	}
	j = r.reaches(r.customize(damaged.ID, open).ID, ims.JobError)
	if !strings.Contains(j.Error, "MD5") {
		t.Errorf("with a root file system that is another: %q", j.Error)
	}
	for field, n := range map[string]ims.NewJob{
		"artifact_id":    {ArtifactID: r.keyID, KeyID: r.keyID},
		"public_key_id":  {ArtifactID: base.ID, KeyID: base.ID},
		"ssh_containers": {ArtifactID: base.ID, KeyID: r.keyID, Containers: []ims.SSHContainer{{Name: "a"}, {Name: "b"}}},
	} {
		n.Type, n.Name = ims.Customize, "x"
		if err := r.do("POST", "/v3/jobs", n, nil); !httpapi.IsStatus(err, 400) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// begun waits until the job's step has begun.
func (r *rig) begun(id, step string) {
	r.t.Helper()
	d := job.Dir(filepath.Join(r.dir, "jobs", id))
	r.eventually("step "+step, func() bool {
		steps, err := d.Steps()
		return err == nil && slices.ContainsFunc(steps, func(s job.Step) bool { return s.Name == step })
	})
}

func TestJobKilledInEachStepLeavesNothingAndSaysWhere(t *testing.T) {
	r := start(t)
	base := r.registerDebian()
	for _, step := range []string{ims.StepFetch, ims.StepUnpack, ims.StepPack, ims.StepUpload} {
		r.gate.set(step == ims.StepFetch)
		j := r.customize(base.ID, nil)
		if step == ims.StepPack || step == ims.StepUpload {
			j = r.reaches(j.ID, ims.JobWaitingOnUser)
			r.gate.set(step == ims.StepUpload)
			r.sh(j, "touch /tmp/complete")
		}
		r.begun(j.ID, step)
		o := r.order(j.ID)
		if err := job.EndProcesses(j.ID); err != nil {
			t.Fatal(err)
		}
		r.gate.set(false)
		j = r.reaches(j.ID, ims.JobError)
		if !strings.Contains(j.Error, step) {
			t.Errorf("killed in step %s: the job says %q", step, j.Error)
		}
		r.gone(j.ID)
		r.eventually("nothing is left of what it uploaded", func() bool { return r.uploads(o.ImageID) == nil })
		if err := r.do("GET", "/v3/images/"+o.ImageID, nil, nil); !httpapi.IsStatus(err, 404) {
			t.Errorf("an image of a job that was killed in step %s: %v", step, err)
		}
	}
}

func TestJobWaitsForItsObjectStoreWithoutAServer(t *testing.T) {
	r := start(t)
	base := r.small()
	r.gate.set(true)
	j := r.customize(base.ID, open)
	r.begun(j.ID, ims.StepFetch)
	r.stop()
	r.gate.set(false)
	r.serve()
	j = r.reaches(j.ID, ims.JobWaitingOnUser)
	r.gate.set(true)
	r.sh(j, "touch /mnt/image/complete")
	r.begun(j.ID, ims.StepUpload)
	r.stop()
	d := job.Dir(filepath.Join(r.dir, "jobs", j.ID))
	r.eventually("the job waits", func() bool { waits, err := d.Waits(); return err == nil && len(waits) == 1 })
	r.serve()
	if j = r.job(j.ID); j.Status != ims.JobPackaging && j.Status != ims.JobWaitingOnUser {
		t.Errorf("the job is %s", j.Status)
	}
	r.gate.set(false)
	r.reaches(j.ID, ims.JobSuccess)
}

func TestJobOfAServerWhoseDiskIsFull(t *testing.T) {
	jobs := t.TempDir()
	if err := unix.Mount("jobs", jobs, "tmpfs", 0, "size=48m"); err != nil {
		need.Met(t, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(jobs, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r := startIn(t, jobs)
	base := r.registerDebian()
	j := r.reaches(r.customize(base.ID, nil).ID, ims.JobError)
	if !strings.Contains(j.Error, "the disk of ") || !strings.Contains(j.Error, " is full") {
		t.Errorf("the job says %q\n%s", j.Error, r.logs(j.ID))
	}
	r.gone(j.ID)
}
