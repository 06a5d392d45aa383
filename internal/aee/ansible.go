package aee

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/drover-hpc/drover/internal/aee/plugin"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/vcs"
)

// unreported is the file that says that CFS has no report of the layer, until
// the plugin has reported.
const unreported = "unreported"

// layerMark begins the line that Ansible writes before each layer's output.
const layerMark = "=== layer "

// Ansible is the third step: ansible-playbook for each layer in order. The
// first that does not exit with 0 ends the step, which exits with the same.
func Ansible(ctx context.Context, d Dir, out io.Writer) error {
	job, err := readJob(d)
	if err != nil {
		return err
	}
	settings, err := readSettings(d)
	if err != nil {
		return err
	}
	common, err := commonEnv(ctx, d, job, settings, out)
	if err != nil {
		return err
	}
	if settings.CertDir != "" {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		every(ctx, time.Minute, func() {
			if err := takeCertificate(d, settings); err != nil {
				fmt.Fprintln(out, err)
			}
		})
	}
	for _, l := range job.Layers {
		cmd, err := playLayer(ctx, d, job, l, common, out)
		if err != nil {
			err = fmt.Errorf("layer %d %s: %w", l.Index, l.Name, err)
			return errors.Join(err, hold(ctx, d, cmd, job, err, out))
		}
	}
	return nil
}

// playLayer runs one layer's playbook and returns how, unless it did not come
// to that.
func playLayer(ctx context.Context, d Dir, job cfs.Job, l cfs.JobLayer, common []string, out io.Writer) (*exec.Cmd, error) {
	home, commit := layerDir(d, l.Index), ""
	playbook := filepath.Join(home, l.Playbook)
	if isDebug(l) {
		home = d.Path("plugins", plugin.Playbooks)
		playbook = filepath.Join(home, l.Playbook)
	} else {
		head, err := os.ReadFile(filepath.Join(home, ".git", "HEAD")) // detached: the hash itself
		if err != nil {
			return nil, fmt.Errorf("read the commit: %w", err)
		}
		commit = strings.TrimSpace(string(head))
	}
	if _, err := os.Stat(playbook); err != nil {
		return nil, fmt.Errorf("there is no playbook %q in %s at %s", l.Playbook, vcs.Shown(l.CloneURL), commit)
	}
	fmt.Fprintf(out, "%s%d %s: %s of %s at %s\n", layerMark, l.Index, l.Name, l.Playbook, vcs.Shown(l.CloneURL), commit)

	report, records := d.Path(unreported), job.RecordState && !isDebug(l)
	if records { // the plugin removes it when it has reported
		text := fmt.Sprintf("layer %d %s: the plugin %s did not report to CFS how far hosts got", l.Index, l.Name, plugin.Reporter)
		if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("await the plugin's report: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, "ansible-playbook", append([]string{playbook}, ansibleArgs(job)...)...)
	cmd.Dir = home
	cmd.Env = append(slices.Clip(common),
		"SESSION_CLONE_URL="+l.CloneURL,
		"SESSION_PLAYBOOK="+l.Playbook,
		"SESSION_COMMIT="+commit,
		"LAYER_CURRENT="+strconv.Itoa(l.Index),
		"ANSIBLE_ROLES_PATH="+filepath.Join(home, "roles"),
		"DISABLE_STATE_RECORDING="+pythonBool(!records),
		"CFS_UNREPORTED="+report,
	)
	if isDebug(l) {
		cmd.Env = append(cmd.Env, "ANSIBLE_DISPLAY_OK_HOSTS=True") // else debug_facts shows nothing
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if err != nil {
		return cmd, fmt.Errorf("ansible-playbook %s: %w", l.Playbook, err)
	}
	if text, rerr := os.ReadFile(report); rerr == nil {
		return cmd, errors.New(string(text))
	}
	return cmd, nil
}

// commonEnv is the environment that all layers share.
func commonEnv(ctx context.Context, d Dir, job cfs.Job, settings Settings, out io.Writer) ([]string, error) {
	config, err := os.ReadFile(d.Path("ansible.cfg"))
	if err != nil {
		return nil, fmt.Errorf("read the Ansible configuration: %w", err)
	}
	control, err := controlDir(d)
	if err != nil {
		return nil, err
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "VCS_USERNAME" || name == "VCS_PASSWORD" || name == "SSH_AUTH_SOCK"
	})
	env = append(settings.VCS.Environ(env), // a task on this machine may use the clone URL
		"GIT_ALLOW_PROTOCOL="+vcs.Protocols,
		"ANSIBLE_CONFIG="+d.Path("ansible.cfg"),
		"ANSIBLE_INVENTORY="+d.Path("hosts"),
		"ANSIBLE_LOCAL_TEMP="+d.Path("tmp"),
		"ANSIBLE_SSH_CONTROL_PATH_DIR="+control,
		"SESSION_NAME="+job.Session,
		"INVENTORY_TYPE="+string(job.Target),
		"CFS_URL="+strings.TrimSuffix(settings.Gateway, "/")+"/apis/cfs/v3",
		"CFS_TOKEN="+settings.Token,
		"CFS_REPORT_TIMEOUT="+strconv.FormatFloat(settings.ReportTimeout.Seconds(), 'f', -1, 64),
		"PYTHONUNBUFFERED=1",
		"CFS_RESULTS="+d.Path(resultsDir),
		"CFS_RESULTS_MAX="+strconv.FormatInt(settings.MaxResults, 10),
	)
	if settings.CAFile != "" {
		env = append(env, "SSL_CAINFO="+settings.CAFile)
	}
	if settings.SSHPort != 0 {
		env = append(env, "ANSIBLE_REMOTE_PORT="+strconv.Itoa(settings.SSHPort))
	}
	if settings.TrustDir != "" || settings.KeyDir != "" {
		env = append(env, "ANSIBLE_PRIVATE_KEY_FILE="+key(d), "ANSIBLE_REMOTE_USER=root")
	}
	ara, araPlugins := araEnv(ctx, settings.ARA, job.Session, out)
	return slices.Concat(env, pluginEnv(config, d.Path("plugins"), araPlugins), ara), nil
}

// ansibleArgs are the session's arguments of ansible-playbook. The API has
// checked the passthrough's options; its words are separated by white space.
func ansibleArgs(job cfs.Job) (args []string) {
	if v := min(job.Verbosity, 4); v > 0 {
		args = append(args, "-"+strings.Repeat("v", v))
	}
	limit := job.Limit
	if limit == "" && job.Target == cfs.TargetImage { // the additional inventory may have other hosts
		for _, image := range job.Images {
			limit = strings.TrimPrefix(limit+","+image.ID, ",")
		}
	}
	if limit != "" {
		args = append(args, "--limit="+limit)
	}
	return append(args, strings.Fields(job.Passthrough)...)
}

// isDebug reports whether the layer is one of the pseudo-layers debug_fail,
// debug_facts, debug_noop: no repository, a playbook that Drover brings.
func isDebug(l cfs.JobLayer) bool {
	return l.CloneURL == "" && l.Source == "" && plugin.IsDebug(l.Playbook)
}

func key(d Dir) string { return d.Path("ssh", "id_ecdsa") }

func pythonBool(v bool) string {
	if v {
		return "True"
	}
	return "False"
}
