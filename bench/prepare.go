package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/s3"
)

// prepare makes an image, a configuration and the template "t" of all nodes.
func (l *lab) prepare(ctx context.Context) error {
	repo := filepath.Join(l.dir, "repo.git")
	if err := commitFiles(ctx, repo, map[string]string{"site.yml": "- hosts: all\n"}); err != nil {
		return err
	}
	err := l.call(ctx, http.MethodPut, "/apis/cfs/v3/configurations/bench",
		fmt.Sprintf(`{"layers":[{"name":"site","clone_url":"file://%s","branch":"main","playbook":"site.yml"}]}`, repo), nil)
	if err != nil {
		return err
	}
	manifest, err := l.uploadImage(ctx)
	if err != nil {
		return err
	}
	return l.call(ctx, http.MethodPut, "/apis/bos/v2/sessiontemplates/t", fmt.Sprintf(`{"enable_cfs":true,"cfs":{"configuration":"bench"},
		"boot_sets":{"all":{"type":"s3","path":%q,"kernel_parameters":"quiet","node_roles_groups":["Compute"]}}}`, manifest), nil)
}

// commitFiles makes a git repository of the files.
func commitFiles(ctx context.Context, repo string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(repo, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	script := `git init -q -b main "$0" && cd "$0" && git add . && git -c user.name=Bench -c user.email=bench@example.org commit -qm Bench`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script, repo).CombinedOutput(); err != nil {
		return fmt.Errorf("make repository: %w: %s", err, out)
	}
	return nil
}

// objects is a client of the server's object store.
func (l *lab) objects(ctx context.Context) (*s3.Client, error) {
	endpoint, c, err := l.objectStore(ctx)
	if err != nil {
		return nil, err
	}
	return s3.NewClient(endpoint, c)
}

// objectStore is where the server has its object store.
func (l *lab) objectStore(ctx context.Context) (endpoint string, c s3.Credentials, err error) {
	var answer struct {
		Credentials struct {
			AccessKeyID     string `json:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string // older revisions give none
			EndpointURL     string
		}
	}
	_, err = l.api.Do(ctx, http.MethodPut, "/apis/sts/token", nil, nil, &answer)
	given := answer.Credentials
	return given.EndpointURL, s3.Credentials{AccessKey: given.AccessKeyID, SecretKey: given.SecretAccessKey, SessionToken: given.SessionToken}, err
}

// imageBase is where the image is; its artifacts have 6 kB.
const imageBase = "s3://boot-images/bench"

// uploadImage stores a tiny image and returns its manifest's URL.
func (l *lab) uploadImage(ctx context.Context) (string, error) {
	objects, err := l.objects(ctx)
	if err != nil {
		return "", err
	}
	type link struct {
		Type string `json:"type"`
		Path string `json:"path"`
		ETag string `json:"etag"`
	}
	type artifact struct {
		Type string `json:"type"`
		Link link   `json:"link"`
	}
	var artifacts []artifact
	for name, kind := range map[string]string{"kernel": "kernel", "initrd": "initrd", "rootfs": "rootfs.squashfs"} {
		data := strings.Repeat(name, 1000)
		o, err := objects.Put(ctx, imageBase+"/"+name, strings.NewReader(data), int64(len(data)), "")
		if err != nil {
			return "", err
		}
		artifacts = append(artifacts, artifact{"application/vnd.cray.image." + kind, link{"s3", imageBase + "/" + name, o.ETag}})
	}
	manifest, err := json.Marshal(map[string]any{"version": "1.0", "artifacts": artifacts})
	if err != nil {
		return "", err
	}
	_, err = objects.Put(ctx, imageBase+"/manifest.json", bytes.NewReader(manifest), int64(len(manifest)), "application/json")
	return imageBase + "/manifest.json", err
}

// session runs one to its end and wants every node to succeed.
func (l *lab) session(ctx context.Context, operation string) (time.Duration, error) {
	start := time.Now()
	var s struct{ Name string }
	if err := l.call(ctx, http.MethodPost, "/apis/bos/v2/sessions",
		fmt.Sprintf(`{"operation":%q,"template_name":"t"}`, operation), &s); err != nil {
		return 0, err
	}
	if err := l.until(ctx, operation+" is complete", func() (bool, error) {
		var now struct{ Status struct{ Status string } }
		err := l.get(ctx, "/apis/bos/v2/sessions/"+s.Name, &now)
		return now.Status.Status == "complete", err
	}); err != nil {
		return 0, err
	}
	took := time.Since(start)
	var status map[string]any
	if err := l.get(ctx, "/apis/bos/v2/sessions/"+s.Name+"/status", &status); err != nil {
		return 0, err
	}
	if status["percent_successful"] != 100.0 {
		return 0, fmt.Errorf("%s session: %v", operation, status)
	}
	return took, nil
}
