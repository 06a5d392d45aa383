package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/drover-hpc/drover/internal/need"
)

// An image is customised through the command line, by SSH, while the server is
// killed in each step of the job.
func TestImageIsCustomizedWhileTheServerIsKilled(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		need.Met(t, fmt.Errorf("image jobs run as root"))
	}
	for _, program := range []string{"/usr/sbin/sshd", "/usr/bin/mksquashfs"} {
		if _, err := os.Stat(program); err != nil {
			need.Met(t, err)
		}
	}
	c := prepare(t, nil)
	c.start()
	c.write("root/etc/motd", "old\n")
	c.write("image/kernel", "kernel")
	c.write("image/initrd", "initrd")
	c.must("mksquashfs", filepath.Join(c.dir, "root"), filepath.Join(c.dir, "image/rootfs"), "-no-progress")
	base := c.object("images", "upload", "--name", "base", filepath.Join(c.dir, "image"))["id"].(string)
	c.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(c.dir, "key"))
	key := c.object("ims", "public-keys", "create", "--name", "me", "--public-key", filepath.Join(c.dir, "key.pub"))["id"].(string)

	id := c.object("ims", "jobs", "create", "--job-type", "customize", "--artifact-id", base, "--public-key-id", key,
		"--image-root-archive-name", "made", "--build-env-size", "2")["id"].(string)
	c.restart()
	job := c.imageJob(id, "waiting_on_user")
	at := job["ssh_containers"].([]any)[0].(map[string]any)["connection_info"].(map[string]any)["cluster.local"].(map[string]any)
	c.restart()
	ssh := []string{"-i", filepath.Join(c.dir, "key"), "-p", fmt.Sprint(at["port"]), "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "root@" + at["host"].(string)}
	c.must("ssh", append(ssh, "head -c 30M /dev/urandom > /mnt/image/image-root/etc/large; echo new > /mnt/image/image-root/etc/motd")...)
	c.kill()
	c.must("ssh", append(ssh, "touch /mnt/image/complete")...)
	c.eventuallyAlone("the job packs", func() bool { return strings.Contains(c.stepsOf(id), `"pack"`) })
	c.start()
	c.eventually("the job uploads", func() bool { return strings.Contains(c.stepsOf(id), `"upload"`) })
	c.restart()
	job = c.imageJob(id, "success")

	image := c.object("ims", "images", "describe", job["resultant_image_id"].(string))
	if image["name"] != "made" || image["link"] == nil {
		t.Errorf("the image is %v", image)
	}
	c.drover("artifacts", "get", "boot-images", image["id"].(string)+"/rootfs", filepath.Join(c.dir, "made"))
	c.must("unsquashfs", "-no-progress", "-d", filepath.Join(c.dir, "unpacked"), filepath.Join(c.dir, "made"))
	if text, err := os.ReadFile(filepath.Join(c.dir, "unpacked/etc/motd")); err != nil || string(text) != "new\n" {
		t.Errorf("the image has %q, %v", text, err)
	}
	if list := c.list("ims", "images", "list"); len(list) != 2 {
		t.Errorf("there are %d images, expected the old and the new one: %v", len(list), list)
	}
	c.drover("ims", "jobs", "delete", id)
	c.eventually("nothing is left of the job", func() bool {
		_, err := os.Stat(filepath.Join(c.dir, "data/image-jobs", id))
		return os.IsNotExist(err)
	})
}

// restart kills the server and starts it again.
func (c *cluster) restart() {
	c.t.Helper()
	c.kill()
	c.start()
}

// must runs a program of this machine and returns what it said.
func (c *cluster) must(name string, args ...string) (said string) {
	c.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// imageJob waits until the job has the status.
func (c *cluster) imageJob(id, status string) (job map[string]any) {
	c.t.Helper()
	c.eventually("the job is "+status, func() bool {
		job = c.object("ims", "jobs", "describe", id)
		if job["status"] == "error" {
			c.t.Fatalf("the job failed: %v", job["error"])
		}
		return job["status"] == status
	})
	return job
}

// stepsOf is the job's own record of its steps.
func (c *cluster) stepsOf(id string) string {
	text, _ := os.ReadFile(filepath.Join(c.dir, "data/image-jobs", id, "steps.json"))
	return string(text)
}
