package aee

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/job/kubernetes"
	"github.com/drover-hpc/drover/internal/job/pod"
)

// Where a session's containers find things.
const (
	podDir      = Dir("/inventory")
	podMirrors  = "/repositories"
	podKeys     = "/secret-keys"
	podCerts    = "/secret-certs"
	podConfigs  = "/tmp/ansible"
	podCA       = "/etc/cray/ca"
	podCAFile   = podCA + "/certificate_authority.crt"
	podRelease  = "/tmp/complete"
	podHeld     = "held-until.json" // a Held that has no more than the server is to know
	resultsFile = resultsDir + "/results.jsonl"
	tasksFile   = resultsDir + "/tasks.jsonl"
	waitsFile   = "waits.json"
)

// reported are the files that the server gets of a session's pod: those that
// grow, and the others.
var (
	reportedGrown    = []string{tasksFile, resultsFile}
	reportedReplaced = []string{waitsFile, unreported, podHeld}
)

// inPod runs a step as a container of the session's pod.
func inPod(ctx context.Context, step string, d Dir, program []string, out, errs io.Writer) (int, error) {
	plan := pod.Plan{Dir: d, Program: program, Step: step}
	switch step {
	case StepClone:
		plan.Given, plan.Replaced = kubernetes.GivenDir, []string{waitsFile}
	case StepAnsible:
		plan.After, plan.Grown, plan.Replaced = StepInventory, reportedGrown, []string{unreported, podHeld}
	case StepTeardown:
		plan.After, plan.Always = StepAnsible, true
	}
	dir := d
	if plan.Given != "" { // the first: it is the one that brings them
		dir = Dir(plan.Given)
	}
	settings, err := readSettings(dir)
	if err != nil {
		return 1, err
	}
	direct := http.DefaultTransport.(*http.Transport).Clone()
	direct.Proxy, direct.TLSClientConfig = nil, settings.trusted()
	plan.Client, plan.Patience, plan.Begins = &http.Client{Transport: direct}, settings.ReportTimeout, settings.StartTimeout
	return pod.Run(ctx, plan, out, errs)
}

// takeKey puts the key that the server issued where Ansible's SSH looks for it.
func takeKey(d Dir, settings Settings) error {
	if err := d.Mkdir("ssh"); err != nil {
		return err
	}
	for _, name := range []string{"id_ecdsa", "id_ecdsa.pub"} {
		text, err := os.ReadFile(filepath.Join(settings.KeyDir, name))
		if err == nil {
			err = os.WriteFile(d.Path("ssh", name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return takeCertificate(d, settings)
}

// takeCertificate does the same with its certificate, as it is now.
func takeCertificate(d Dir, settings Settings) error {
	text, err := os.ReadFile(filepath.Join(settings.CertDir, "id_ecdsa-cert.pub"))
	if err != nil {
		return err
	}
	path := key(d) + "-cert.pub"
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
