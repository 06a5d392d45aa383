package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// recipe makes a recipe of Drover's own type of a recipe.json, and returns its
// ID.
func (c *cluster) recipe(name, text string) string {
	c.t.Helper()
	dir := filepath.Join(c.dir, name+"-recipe")
	c.write(filepath.Join(name+"-recipe", "recipe.json"), text)
	archive := filepath.Join(c.dir, name+".tar.gz")
	if said, err := exec.Command("tar", "-C", dir, "-czf", archive, "recipe.json").CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, said)
	}
	id := c.object("ims", "recipes", "create", "--name", name, "--recipe-type", "drover", "--linux-distribution", "debian12")["id"].(string)
	key := "recipes/" + id + "/recipe.tar.gz"
	c.drover("artifacts", "create", "ims", key, archive)
	c.drover("ims", "recipes", "update", id, "--link-type", "s3", "--link-path", "s3://ims/"+key)
	return id
}

// sshKey makes a key pair and registers it.
func (c *cluster) sshKey() string {
	c.t.Helper()
	path := filepath.Join(c.dir, "id_user")
	if said, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, said)
	}
	return c.object("ims", "public-keys", "create", "--name", "me", "--public-key", path+".pub")["id"].(string)
}

// builds has IMS build the recipe and returns the image's ID.
func (c *cluster) builds(recipe, key, name string) string {
	c.t.Helper()
	id := c.object("ims", "jobs", "create", "--job-type", "create", "--artifact-id", recipe, "--public-key-id", key, "--image-root-archive-name", name)["id"].(string)
	var job map[string]any
	c.eventually("the image is built", func() bool {
		job = c.object("ims", "jobs", "describe", id)
		return job["status"] == "success" || job["status"] == "error"
	})
	if job["status"] != "success" {
		c.t.Fatalf("the job ended with %v\n%s", job, c.drover("ims", "jobs", "logs", "list", id))
	}
	return job["resultant_image_id"].(string)
}

// ends waits for the CFS session and returns its record.
func (c *cluster) ends(session string) (record, status map[string]any) {
	c.t.Helper()
	c.eventually("CFS session "+session+" is complete", func() bool {
		record = c.object("cfs", "v3", "sessions", "describe", session)
		status = record["status"].(map[string]any)["session"].(map[string]any)
		return status["status"] == "complete"
	})
	return record, status
}

// newMaker is a cluster with one machine whose server builds images of the
// packages that all runs share, with a reporter that a small machine has room
// for.
func newMaker(t *testing.T) *cluster {
	t.Helper()
	c := prepareMachines(t, 1, "--virtual-memory", "1024")
	c.binary = client
	cache, err := os.UserCacheDir()
	if err == nil {
		err = os.MkdirAll(filepath.Join(c.dir, "data"), 0o700)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(cache, "drover", "images"), 0o755)
	}
	if err == nil {
		err = os.Symlink(filepath.Join(cache, "drover", "images"), filepath.Join(c.dir, "data", "image-cache"))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	c.known()
	return c
}

// customise starts a CFS session on the image.
func (c *cluster) customise(session, configuration, image string, more ...string) {
	c.t.Helper()
	c.drover(append([]string{"cfs", "v3", "sessions", "create", "--name", session, "--configuration-name", configuration,
		"--target-definition", "image", "--target-group", "Compute", image}, more...)...)
}

// nothingOpen waits until no job of IMS is open.
func (c *cluster) nothingOpen() {
	c.t.Helper()
	c.eventually("no job of IMS is open", func() bool {
		for _, j := range c.list("ims", "jobs", "list") {
			if j["status"] != "error" && j["status"] != "success" {
				return false
			}
		}
		return true
	})
}

// An image is made, customised by CFS and booted, all by the interfaces. What
// goes wrong in an image is the session's failure, and leaves no image and no
// job behind.
func TestConfigurationSessionsOnImages(t *testing.T) {
	if os.Getenv("IMAGE_CHECK") == "" {
		t.Skip("takes minutes of emulation: make image-check runs it")
	}
	c := newMaker(t)
	node := c.nodes[0]
	image := c.builds(c.recipe("base", `{"variant":"systemd"}`), c.sshKey(), "base")
	c.configure("bad", "- hosts: cfs_image\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail: {msg: no such thing}\n")
	c.configure("slow", "- hosts: cfs_image\n  gather_facts: false\n  tasks:\n    - ansible.builtin.pause: {minutes: 60}\n")
	c.configure("good", "- hosts: Compute\n  tasks:\n"+
		"    - ansible.builtin.copy: {dest: /etc/made, content: \"{{ cray_cfs_image }} {{ inventory_hostname }}\"}\n"+
		"- hosts: cfs_image\n  tasks:\n    - ansible.builtin.user: {name: researcher, uid: 2000}\n")
	c.configure("boot", motd("booted"))
	images := len(c.list("ims", "images", "list"))

	c.act("a failed playbook makes no image", func() {
		c.customise("fails", "bad", image)
		if record, status := c.ends("fails"); status["succeeded"] != "false" || len(record["status"].(map[string]any)["artifacts"].([]any)) != 0 {
			t.Errorf("%v", record)
		}
		if said := c.drover("logs", "fails"); !strings.Contains(said, "no such thing") {
			t.Errorf("the logs do not say why:\n%s", said)
		}
		c.nothingOpen()
	})
	c.act("an image that is not there fails the session", func() {
		c.customise("unknown", "bad", "3fa85f64-5717-4562-b3fc-2c963f66afa6")
		if record, status := c.ends("unknown"); status["succeeded"] != "false" {
			t.Errorf("%v", record)
		}
	})
	open := func() bool {
		for _, j := range c.list("ims", "jobs", "list") {
			if j["status"] == "waiting_on_user" {
				return true
			}
		}
		return false
	}
	c.act("a deleted session ends its job", func() {
		c.customise("deleted", "slow", image)
		c.eventually("the shell is open", open)
		c.drover("cfs", "v3", "sessions", "delete", "deleted")
		c.nothingOpen()
	})
	c.act("a killed session ends its job", func() {
		c.customise("killed", "slow", image)
		c.eventually("the shell is open", open)
		for _, s := range c.supervisors() {
			if s.Alive() && strings.Contains(commandLine(s.PID), " aee ") {
				syscall.Kill(-s.PID, syscall.SIGKILL)
			}
		}
		if record, status := c.ends("killed"); status["succeeded"] == "true" {
			t.Errorf("%v", record)
		}
		c.nothingOpen()
		if got := len(c.list("ims", "images", "list")); got != images {
			t.Errorf("%d images, before %d", got, images)
		}
	})
	c.act("an image is customised as the document says", func() { c.imageOf(image) })
	c.act("and booted", func() {
		c.succeed(c.session("mine", "boot"))
		c.says(node, "cat /etc/made", "True "+image)
		c.says(node, "id -u researcher", "2000")
		c.says(node, "cat /etc/motd", "booted")
	})
}

// imageOf customises the image, and makes a session template of the result.
func (c *cluster) imageOf(image string) {
	c.t.Helper()
	c.customise("make", "good", image, "--target-group", "Application", image, "--target-image-map", image, "mine")
	record, status := c.ends("make")
	if status["succeeded"] != "true" {
		c.t.Fatalf("%v\n%s", record, c.drover("logs", "make"))
	}
	artifacts := record["status"].(map[string]any)["artifacts"].([]any)
	if len(artifacts) != 1 { // though two groups have the image
		c.t.Fatalf("artifacts %v", artifacts)
	}
	made := artifacts[0].(map[string]any)
	result := made["result_id"].(string)
	if made["image_id"] != image || made["type"] != "ims_customized_image" || status["ims_job"] == nil {
		c.t.Errorf("artifact %v, ims_job %v", made, status["ims_job"])
	}
	if got := c.object("ims", "images", "describe", result); got["name"] != "mine" {
		c.t.Errorf("the image is %v", got)
	}
	if keys := c.list("ims", "public-keys", "list"); len(keys) != 1 {
		c.t.Errorf("keys are left in IMS: %v", keys)
	}
	file := c.write("t.json", fmt.Sprintf(`{"enable_cfs":true,"cfs":{"configuration":"boot"},"boot_sets":{"compute":{"type":"s3","path":"s3://boot-images/%s/manifest.json",
		"kernel_parameters":"console=ttyS0 root=live:s3://boot-images/%s/rootfs","node_roles_groups":["Compute"]}}}`, result, result))
	c.drover("bos", "v2", "sessiontemplates", "create", "--file", file, "mine")
}

// commandLine is that of the process.
func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(text), "\x00", " ")
}
