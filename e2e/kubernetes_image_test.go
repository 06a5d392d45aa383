package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// images has sessions customise an image: teardown runs in their pods. kind is
// for names, meanwhile is done while the first of them has begun.
func (c *inKubernetes) images(kind string, meanwhile func()) {
	c.t.Helper()
	base := c.imageOf("base"+kind, "/usr/bin/bash", "/usr/bin/touch", "/usr/sbin/sshd")
	before := len(c.list("ims", "images", "list"))
	const task = "- hosts: cfs_image\n  gather_facts: false\n  tasks:\n    - {name: changes, raw: 'echo changed > /etc/motd'}\n"
	c.act("a session that makes an image, "+kind, func() {
		session := "image" + kind
		c.keep(session, task)
		c.customise(session, session, base)
		meanwhile()
		record, status := c.ends(session)
		artifacts := record["status"].(map[string]any)["artifacts"].([]any)
		if status["succeeded"] != "true" || len(artifacts) != 1 {
			c.t.Fatalf("%v\n%s", record, c.drover("cfs", "sessions", "log", session))
		}
		if log := c.drover("cfs", "sessions", "log", session); strings.Count(log, "==> teardown <==") != 1 {
			c.t.Errorf("no teardown in\n%s", log)
		}
		made := artifacts[0].(map[string]any)["result_id"].(string)
		c.drover("artifacts", "get", "boot-images", made+"/rootfs", filepath.Join(c.dir, "made"+kind))
		c.must("unsquashfs", "-no-progress", "-d", filepath.Join(c.dir, "unpacked"+kind), filepath.Join(c.dir, "made"+kind))
		if text, err := os.ReadFile(filepath.Join(c.dir, "unpacked"+kind, "etc/motd")); err != nil || string(text) != "changed\n" {
			c.t.Errorf("the image has %q, %v", text, err)
		}
	})
	c.act("a session that fails in an image, "+kind, func() {
		session := "noimage" + kind
		c.keep(session, task+"    - {name: breaks, fail: {msg: 'no scratch'}}\n")
		c.customise(session, session, base)
		record, status := c.ends(session)
		if status["succeeded"] != "false" || len(record["status"].(map[string]any)["artifacts"].([]any)) != 0 {
			c.t.Errorf("%v", record)
		}
		c.nothingOpen()
		if images := c.list("ims", "images", "list"); len(images) != before+1 {
			c.t.Errorf("expected %d images and the one that was made: %v", before, images)
		}
	})
}

// imageJobs has jobs of IMS be Jobs, too.
func (c *inKubernetes) imageJobs() {
	c.t.Helper()
	c.terminate()
	c.begin("--kubernetes-ims-image", os.Getenv("KUBERNETES_IMAGE"))
	c.images("in-pods", func() {
		c.eventually("there is a shell", func() bool {
			for _, j := range c.list("ims", "jobs", "list") {
				if j["status"] == "waiting_on_user" {
					return true
				}
			}
			return false
		})
		c.kill()
		c.start()
	})
	c.act("the session's job of IMS was a Job, whose records are here", func() {
		session := c.object("cfs", "v3", "sessions", "describe", "imagein-pods")["status"].(map[string]any)["session"].(map[string]any)
		id, _ := session["ims_job"].(string)
		if app := c.kubectl("get", "job", id, "-n", sessionsNamespace, "-o", `jsonpath={.metadata.labels.app\.kubernetes\.io/name}`); app != "cray-ims-job" {
			c.t.Errorf("the Job %s is of %q", id, app)
		}
		if steps := c.stepsOf(id); !strings.Contains(steps, `"upload"`) {
			c.t.Errorf("steps of %s: %s", id, steps)
		}
	})
	c.act("a job of IMS whose pod lacks the tools", func() {
		recipe := c.recipe("recipe", `{"variant":"busybox"}`)
		id := c.object("ims", "jobs", "create", "--job-type", "create", "--artifact-id", recipe, "--public-key-id", c.sshKey(), "--image-root-archive-name", "none")["id"].(string)
		c.eventually("it fails", func() bool { return c.object("ims", "jobs", "describe", id)["status"] == "error" })
		if why, _ := c.object("ims", "jobs", "describe", id)["error"].(string); !strings.Contains(why, "mmdebstrap") {
			c.t.Errorf("it says %q", why)
		}
	})
	c.terminate()
	c.begin()
}

// imageOf uploads an image that has no more than these programs of this machine,
// with their libraries, and who serves SSH in it.
func (c *inKubernetes) imageOf(name string, programs ...string) string {
	c.t.Helper()
	root := filepath.Join(c.dir, name+"-root")
	c.write(name+"-root/etc/motd", "old\n")
	c.write(name+"-root/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n")
	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		c.must("mkdir", "-p", filepath.Join(root, "usr", link))
		c.must("ln", "-s", "usr/"+link, filepath.Join(root, link))
	}
	c.must("ln", "-s", "bash", filepath.Join(root, "bin/sh"))
	for _, program := range programs {
		c.must("cp", "-L", "--parents", program, root)
		for _, library := range regexp.MustCompile(`/[^ ]+`).FindAllString(c.must("ldd", program), -1) {
			c.must("cp", "-nL", "--parents", library, root)
		}
	}
	c.write(name+"-image/kernel", "kernel")
	c.write(name+"-image/initrd", "initrd")
	c.must("mksquashfs", root, filepath.Join(c.dir, name+"-image/rootfs"), "-no-progress")
	return c.object("images", "upload", "--name", name, filepath.Join(c.dir, name+"-image"))["id"].(string)
}
