package imagejob_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/image"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/need"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/store"
)

var (
	endpoint string
	creds    = s3.Credentials{AccessKey: "key", SecretKey: "secret-of-the-test"}
	objects  *s3.Client
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "ims-job" {
		self, err := os.Executable()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(imagejob.Command([]string{self, "ims-job"}).Main(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(m))
}

// run starts the object store, of which a process can have one.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "imagejob-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	server, err := s3.StartServer(context.Background(), s3.ServerConfig{Dir: dir, Listen: "127.0.0.1:0", Credentials: creds})
	if err == nil {
		defer server.Stop()
		endpoint = server.Endpoint()
		objects, err = s3.NewClient(endpoint, creds)
	}
	if err == nil {
		err = objects.EnsureBuckets(context.Background(), "boot-images", "ims")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// rig is a service with its runner.
type rig struct {
	t       *testing.T
	dir     string
	db      *store.DB
	hub     *events.Hub
	http    *httpapi.Client
	service *ims.Service
	runner  *imagejob.Runner
	gate    *gate
	// reporter is what images of recipes of type drover get.
	reporter string
	// patience is for what takes longer than usual.
	patience time.Duration
	key      ssh.Signer
	keyID    string
}

func start(t *testing.T) *rig {
	t.Helper()
	return startIn(t, t.TempDir())
}

// startIn is a rig that has its jobs in the directory.
func startIn(t *testing.T, jobs string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), hub: events.NewHub(), gate: newGate(t), reporter: staticProgram}
	if err := os.Symlink(jobs, filepath.Join(r.dir, "jobs")); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(r.dir, "db"), r.hub.Changed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r.db = db
	r.serve()
	t.Cleanup(func() {
		for _, j := range r.jobs() {
			r.must("DELETE", "/v3/jobs/"+j.ID, nil, nil)
		}
		r.eventually("no job is left", func() bool { ids, err := r.runner.Jobs(); return err == nil && len(ids) == 0 })
		r.stop()
	})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if r.key, err = ssh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	var key ims.PublicKey
	r.must("POST", "/v3/public-keys", ims.NewPublicKey{Name: "me", PublicKey: string(ssh.MarshalAuthorizedKey(r.key.PublicKey()))}, &key)
	r.keyID = key.ID
	return r
}

// serve is what a server does at its start, stop what it does at its end.
func (r *rig) serve() {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	r.runner, err = imagejob.NewRunner(imagejob.Config{Dir: filepath.Join(r.dir, "jobs"), Program: []string{self, "ims-job"},
		Credentials: func(o ims.JobOrder) s3.Credentials {
			c, _ := s3.NewSessions(creds, time.Now).Give(time.Hour, imagejob.Grants(o)...)
			return c
		},
		Settings: imagejob.Settings{Endpoint: r.gate.url(), Cache: image.DefaultCache(os.Getenv),
			Patience: time.Minute, Reporter: r.reporter}})
	if err == nil {
		err = r.runner.Open()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.service = ims.NewService(ims.Config{DB: r.db, Objects: objects, Hub: r.hub, Runner: r.runner, Now: time.Now})
	mux := http.NewServeMux()
	ims.Register(httpapi.New(mux, "/apis/ims", "IMS", "3"), r.service)
	r.http = httpapi.NewClient("IMS", "http://local/apis/ims", httpapi.Local(mux))
	r.http.Retries = 0
	r.service.Start(context.Background())
}

func (r *rig) stop() {
	r.service.Stop()
	r.runner.Close()
}

func (r *rig) do(method, path string, in, out any) error {
	_, err := r.http.Do(context.Background(), method, path, nil, in, out)
	return err
}

func (r *rig) must(method, path string, in, out any) {
	r.t.Helper()
	if err := r.do(method, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) jobs() (out []ims.Job) {
	r.must("GET", "/v3/jobs", nil, &out)
	return out
}

func (r *rig) job(id string) (out ims.Job) {
	r.t.Helper()
	r.must("GET", "/v3/jobs/"+id, nil, &out)
	return out
}

// eventually waits for the condition.
func (r *rig) eventually(what string, done func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(max(3*time.Minute, r.patience))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

// reaches waits until the job has the status, or one that is final.
func (r *rig) reaches(id string, status ims.JobStatus) ims.Job {
	r.t.Helper()
	var j ims.Job
	r.eventually(string(status)+" of job "+id, func() bool {
		j = r.job(id)
		return j.Status == status || j.Status.Final()
	})
	if j.Status != status {
		r.t.Fatalf("job is %s (%s), expected %s\n%s", j.Status, j.Error, status, r.logs(id))
	}
	return j
}

func (r *rig) logs(id string) string {
	var logs []ims.JobLog
	r.must("GET", "/v3/jobs/"+id+"/logs", nil, &logs)
	var out strings.Builder
	for _, l := range logs {
		fmt.Fprintf(&out, "-- %s, exit %d\n%s\n", l.Step, l.Exit, l.Text)
	}
	return out.String()
}

// customize begins a job.
func (r *rig) customize(imageID string, change func(*ims.NewJob)) ims.Job {
	r.t.Helper()
	n := ims.NewJob{Type: ims.Customize, ArtifactID: imageID, KeyID: r.keyID, Name: "customised", BuildSize: 4,
		Containers: []ims.SSHContainer{{Name: "shell", Jail: true}}}
	if change != nil {
		change(&n)
	}
	var j ims.Job
	r.must("POST", "/v3/jobs", n, &j)
	return j
}

// ssh runs a command in the job's shell.
func (r *rig) ssh(j ims.Job, command string) (string, error) {
	at := j.Containers[0].ConnectionInfo["cluster.local"]
	c, err := ssh.Dial("tcp", fmt.Sprintf("%s:%d", at.Host, at.Port), &ssh.ClientConfig{User: "root", Timeout: 20 * time.Second,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(r.key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return "", err
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		return "", err
	}
	out, err := s.CombinedOutput(command)
	return strings.TrimSpace(string(out)), err
}

func (r *rig) sh(j ims.Job, command string) string {
	r.t.Helper()
	out, err := r.ssh(j, command)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// staticProgram is one that every Debian has.
const staticProgram = "/sbin/ldconfig"

// debian is a built image of Debian with an SSH server, from the cache.
func debian(t *testing.T) *image.Image {
	t.Helper()
	if os.Geteuid() != 0 {
		need.Met(t, fmt.Errorf("image jobs run as root"))
	}
	need.Met(t, image.Missing(true))
	b := image.Builder{Cache: image.DefaultCache(os.Getenv)}
	built, err := b.Build(t.Context(), image.Spec{Variant: image.Busybox, Suite: image.DefaultSuite, Reporter: staticProgram})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// register uploads the files of an image, given by their names there, and
// registers it.
func (r *rig) register(files map[string]string, arch string) ims.Image {
	r.t.Helper()
	var i ims.Image
	r.must("POST", "/v3/images", ims.NewImage{Name: "base", Arch: arch, Metadata: &ims.MetadataEntry{Key: "team", Value: "hpc"}}, &i)
	kinds := map[string]string{"rootfs": ims.RootfsType, "kernel": ims.KernelType, "initrd": ims.InitrdType, "boot_parameters": ims.ParametersType}
	m := ims.Manifest{Version: "1.0"}
	for name, path := range files {
		url := ims.ImagePath(i.ID, name)
		o, sum, err := objects.Upload(r.t.Context(), url, path)
		if err != nil {
			r.t.Fatal(err)
		}
		m.Artifacts = append(m.Artifacts, ims.Artifact{Type: kinds[name], MD5: sum, Link: &ims.Link{Type: "s3", Path: url, ETag: o.ETag}})
	}
	text, err := json.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	url := ims.ImagePath(i.ID, "manifest.json")
	o, err := objects.Put(r.t.Context(), url, bytes.NewReader(text), int64(len(text)), "application/json")
	if err != nil {
		r.t.Fatal(err)
	}
	r.must("PATCH", "/v3/images/"+i.ID, ims.ImagePatch{Link: &ims.Link{Type: "s3", Path: url, ETag: o.ETag}}, &i)
	return i
}

func (r *rig) registerDebian() ims.Image {
	r.t.Helper()
	built := debian(r.t)
	files := map[string]string{}
	for _, name := range image.Files {
		files[name] = filepath.Join(built.Dir, name)
	}
	return r.register(files, ims.X86_64)
}

// gate is where jobs reach the object store, unless it is shut.
type gate struct {
	listener net.Listener
	mu       sync.Mutex
	shut     bool
	through  []net.Conn
}

func newGate(t *testing.T) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l}
	t.Cleanup(func() { l.Close(); g.set(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

func (g *gate) url() string { return "http://" + g.listener.Addr().String() }

// set shuts the gate, which breaks what goes through it, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	for _, c := range g.through {
		if shut {
			c.Close()
		}
	}
}

func (g *gate) pass(c net.Conn) {
	defer c.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	to, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		g.mu.Unlock()
		return
	}
	defer to.Close()
	g.through = append(g.through, c, to)
	g.mu.Unlock()
	go func() {
		io.Copy(to, c) //nolint:errcheck // the other direction ends it
		to.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(c, to) //nolint:errcheck // as above
}
