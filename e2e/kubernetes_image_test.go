package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// images has sessions customise an image: teardown runs in their pods.
func (c *inKubernetes) images() {
	c.t.Helper()
	base := c.imageOf("base", "bash", "touch")
	const task = "- hosts: cfs_image\n  gather_facts: false\n  tasks:\n    - {name: changes, raw: 'echo changed > /etc/motd'}\n"
	c.act("a session that makes an image", func() {
		c.keep("image", task)
		c.customise("image", "image", base)
		record, status := c.ends("image")
		artifacts := record["status"].(map[string]any)["artifacts"].([]any)
		if status["succeeded"] != "true" || len(artifacts) != 1 {
			c.t.Fatalf("%v\n%s", record, c.drover("cfs", "sessions", "log", "image"))
		}
		if log := c.drover("cfs", "sessions", "log", "image"); strings.Count(log, "==> teardown <==") != 1 {
			c.t.Errorf("no teardown in\n%s", log)
		}
		made := artifacts[0].(map[string]any)["result_id"].(string)
		c.drover("artifacts", "get", "boot-images", made+"/rootfs", filepath.Join(c.dir, "made"))
		c.must("unsquashfs", "-no-progress", "-d", filepath.Join(c.dir, "unpacked"), filepath.Join(c.dir, "made"))
		if text, err := os.ReadFile(filepath.Join(c.dir, "unpacked/etc/motd")); err != nil || string(text) != "changed\n" {
			c.t.Errorf("the image has %q, %v", text, err)
		}
	})
	c.act("a session that fails in an image", func() {
		c.keep("noimage", task+"    - {name: breaks, fail: {msg: 'no scratch'}}\n")
		c.customise("noimage", "noimage", base)
		record, status := c.ends("noimage")
		if status["succeeded"] != "false" || len(record["status"].(map[string]any)["artifacts"].([]any)) != 0 {
			c.t.Errorf("%v", record)
		}
		c.nothingOpen()
		if images := c.list("ims", "images", "list"); len(images) != 2 {
			c.t.Errorf("expected the base and the one that was made of it: %v", images)
		}
	})
}

// imageOf uploads an image that has no more than these programs of this machine,
// with their libraries, and a shell.
func (c *inKubernetes) imageOf(name string, programs ...string) string {
	c.t.Helper()
	root := filepath.Join(c.dir, name+"-root")
	c.write(name+"-root/etc/motd", "old\n")
	c.write(name+"-root/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
	for _, link := range []string{"bin", "lib", "lib64"} {
		c.must("mkdir", "-p", filepath.Join(root, "usr", link))
		c.must("ln", "-s", "usr/"+link, filepath.Join(root, link))
	}
	c.must("ln", "-s", "bash", filepath.Join(root, "bin/sh"))
	for _, program := range programs {
		path := "/usr/bin/" + program
		c.must("cp", path, filepath.Join(root, "bin"))
		for _, library := range regexp.MustCompile(`/[^ ]+`).FindAllString(c.must("ldd", path), -1) {
			c.must("cp", "-nL", "--parents", library, root)
		}
	}
	c.write(name+"-image/kernel", "kernel")
	c.write(name+"-image/initrd", "initrd")
	c.must("mksquashfs", root, filepath.Join(c.dir, name+"-image/rootfs"), "-no-progress")
	return c.object("images", "upload", "--name", name, filepath.Join(c.dir, name+"-image"))["id"].(string)
}
