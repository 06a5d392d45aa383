package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who did what, and who was refused, is recorded, whatever ends the server.
func TestWhatIsDoneIsAccountedFor(t *testing.T) {
	t.Parallel()
	c := newSimulation(t, 2)
	c.configure("site", motd("accounted"))
	c.template("compute", "site")
	token, _ := c.object("auth", "tokens", "create", "nightly reboots", "--role", "operator")["token"].(string)
	mine, own := c.tokenFile(), filepath.Join(c.dir, "nightly")
	if err := os.WriteFile(own, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.tokenAt = own
	session := c.session("compute", "boot")
	c.succeed(session)
	if out, err := c.try("auth", "tokens", "create", "another"); err == nil || !strings.Contains(err.Error(), "operator") {
		t.Errorf("an operator made a token: %s, %v", out, err)
	}
	c.tokenAt = mine
	noted := c.object("audit", "verify")["head"].(map[string]any)
	c.kill()
	c.start()

	has := func(what string, is func(r map[string]any) bool, filter ...string) {
		t.Helper()
		records := c.list(append([]string{"audit"}, filter...)...)
		for _, r := range records {
			if is(r) {
				return
			}
		}
		t.Errorf("no record of %s in\n%v", what, records)
	}
	by := func(r map[string]any) string { return fmt.Sprint(r["who"].(map[string]any)["name"]) }
	has("the session", func(r map[string]any) bool {
		return by(r) == "nightly reboots" && r["session"] == session && r["method"] == "POST" && r["outcome"] == "done" && r["from"] == "127.0.0.1"
	}, "--who", "nightly reboots")
	has("the token that was refused", func(r map[string]any) bool { return by(r) == "nightly reboots" && r["status"] == 403.0 }, "--outcome", "denied")
	has("the power that BOS switched", func(r map[string]any) bool {
		return r["session"] == session && r["node_count"] == 2.0 && strings.Contains(fmt.Sprint(r["who"]), "drover")
	}, "--node", c.nodes[0])
	if v := c.object("audit", "verify", "--head", fmt.Sprintf("%v:%v", noted["number"], noted["hash"])); v["whole"] != true {
		t.Errorf("after a kill the log says %v", v)
	}
}
