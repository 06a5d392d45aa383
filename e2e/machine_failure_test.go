package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Four machines, each with a trouble of its own that is real: what an
// administrator is told of it, and what becomes of the node.
func TestTroubledVirtualNodes(t *testing.T) {
	takesMinutes(t)
	c := newMachines(t, 4)
	missing, wrong, panics, hangs := c.nodes[0], c.nodes[1], c.nodes[2], c.nodes[3]
	image := c.build("small", "busybox")
	broken := c.build("broken", "busybox") // one of its own: its kernel will go
	c.boots("missing", broken, broken.root, "")
	c.boots("wrong", image, strings.Replace(image.root, "rd.live.etag=", "rd.live.etag=0", 1), "")
	c.boots("panics", image, "rdinit=/nonexistent root=/dev/nothing", "")
	c.boots("hangs", image, image.root+" rd.break", "")
	c.drover("bos", "v2", "options", "update", "--default-retry-policy", "1")
	kernel := filepath.Join(c.dir, "data", "s3", "boot-images", broken.id, "kernel")

	sessions := map[string]string{"missing": c.boot("missing", missing)}
	if err := os.Rename(kernel, kernel+"-gone"); err != nil { // firmware takes seconds until it asks for it
		t.Fatal(err)
	}
	for template, node := range map[string]string{"wrong": wrong, "panics": panics, "hangs": hangs} {
		sessions[template] = c.boot(template, node)
	}

	c.act("a missing kernel shows as a chain of retries", func() {
		c.explains(missing, "could not fetch what it should boot", broken.id+"/kernel: 404 Not Found", "retry 1)", "retry 2)")
	})
	c.act("the boot goes on when the kernel is there", func() {
		if err := os.Rename(kernel+"-gone", kernel); err != nil {
			c.t.Fatal(err)
		}
		c.succeed(sessions["missing"])
	})
	c.act("a root file system of another ETag is refused", func() {
		c.explains(wrong, "could not fetch what it should boot", image.id+"/rootfs: 412 Precondition Failed",
			"| drover: root file system: the store answered 412 Precondition Failed; try 2 in 2 s")
	})
	c.act("a kernel panic is told in the kernel's words", func() {
		c.explains(panics, "stopped while it started its operating system", "On its console: Kernel panic - not syncing: VFS: Unable to mount root fs")
	})
	c.act("a system that hangs is told from its console", func() {
		c.explains(hangs, "is starting its operating system", "| drover: rd.break: here is a shell")
	})
	c.act("they fail when their time is over, and stay on to be looked at", func() {
		c.drover("bos", "v2", "options", "update", "--max-boot-wait-time", "1", "--max-power-off-wait-time", "3")
		for template, node := range map[string]string{"wrong": wrong, "panics": panics, "hangs": hangs} {
			if status := c.finish(sessions[template]); status["percent_failed"] != 100.0 {
				c.t.Errorf("%s: %v", template, status)
			}
			c.explains(node, node+" failed.", "did not report what it booted")
			if power := c.power(node); power != "on" {
				c.t.Errorf("%s: power is %s", template, power)
			}
		}
	})
	c.act("a system that ignores its power button is switched off after the option's time", func() {
		if out, err := c.ssh(missing, stopACPI); err != nil {
			c.t.Fatalf("%v: %s", err, out)
		}
		c.succeed(c.session("missing", "shutdown", "--limit", missing))
		c.explains(missing, "is off, as wanted", "power off gracefully called -> power off forcefully called")
	})
}

// boot starts a session for the node. It returns within milliseconds, which a
// command would not.
func (c *cluster) boot(template, node string) string {
	c.t.Helper()
	body := fmt.Sprintf(`{"template_name":%q,"operation":"boot","limit":%q}`, template, node)
	resp, err := c.http().Post(c.url()+"/apis/bos/v2/sessions", "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var session struct{ Name string }
	if err := json.NewDecoder(resp.Body).Decode(&session); err != nil || resp.StatusCode != http.StatusCreated {
		c.t.Fatalf("create a session of %s: %s, %v", template, resp.Status, err)
	}
	return session.Name
}

// stopACPI keeps the daemon that hears the power button from doing anything.
const stopACPI = "for p in /proc/[0-9]*; do if grep -q '[a]cpid' $p/cmdline; then kill -STOP ${p#/proc/}; fi; done"

// explains waits until explain says all the words of the node.
func (c *cluster) explains(node string, words ...string) {
	c.t.Helper()
	var text, lacks string
	defer func() {
		if c.t.Failed() {
			c.t.Logf("explain does not say %q but:\n%s", lacks, text)
		}
	}()
	c.eventually("explain says "+strings.Join(words, ", ")+" of "+node, func() bool {
		text = c.drover("explain", node)
		for _, lacks = range words {
			if !strings.Contains(text, lacks) {
				return false
			}
		}
		return true
	})
}
