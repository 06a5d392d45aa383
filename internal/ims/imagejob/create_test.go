package imagejob_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/drover-hpc/drover/internal/ims"
)

// recipe uploads and registers one of one file, and its script if there is one.
func (r *rig) recipe(kind, file, text string, script ...string) (out ims.Recipe) {
	r.t.Helper()
	files := map[string]string{file: text}
	for _, s := range script {
		files["config.sh"] = s
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			r.t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.must("POST", "/v3/recipes", ims.NewRecipe{Name: "r", Type: kind, Distro: "debian12",
		Template: []ims.KeyValue{{Key: "SUITE", Value: "bookworm"}}}, &out)
	url := "s3://ims/recipes/" + out.ID + "/recipe.tar.gz"
	o, err := objects.Put(r.t.Context(), url, bytes.NewReader(packed.Bytes()), int64(packed.Len()), "")
	if err != nil {
		r.t.Fatal(err)
	}
	r.must("PATCH", "/v3/recipes/"+out.ID, ims.RecipePatch{Link: &ims.Link{Type: "s3", Path: url, ETag: o.ETag}}, &out)
	return out
}

// create begins a job.
func (r *rig) create(recipe ims.Recipe, change func(*ims.NewJob)) (j ims.Job) {
	r.t.Helper()
	n := ims.NewJob{Type: ims.Create, ArtifactID: recipe.ID, KeyID: r.keyID, Name: "made", BuildSize: 8}
	if change != nil {
		change(&n)
	}
	r.must("POST", "/v3/jobs", n, &j)
	return j
}

// The packages of Debian take a minute and the network.
func TestImageOfADroverRecipe(t *testing.T) {
	if os.Getenv("IMAGE_CHECK") == "" {
		t.Skip("needs Debian's packages, by the network and in minutes: make image-check installs what it takes and runs this")
	}
	r := start(t)
	debian(t)
	j := r.create(r.recipe("drover", "recipe.json", `{"variant": "busybox", "suite": "{{ SUITE }}"}`), nil)
	j = r.reaches(j.ID, ims.JobSuccess)
	i := r.image(*j.ImageID)
	m := r.manifest(i)
	for _, kind := range []string{ims.RootfsType, ims.KernelType, ims.InitrdType, ims.ParametersType} {
		if m[kind].Link == nil {
			t.Errorf("the image has no %s", kind)
		}
	}
	if i.Name != "made" || len(j.Containers) != 0 {
		t.Errorf("image %+v, shells %+v", i, j.Containers)
	}
}

func TestDroverRecipeThatIsWrong(t *testing.T) {
	r := start(t)
	bad := r.reaches(r.create(r.recipe("drover", "recipe.json", `{"flavour": "x"}`), nil).ID, ims.JobError)
	if !strings.Contains(bad.Error, "flavour") {
		t.Errorf("a recipe with an unknown word: %q", bad.Error)
	}
	bad = r.reaches(r.create(r.recipe("drover", "other.json", `{}`), nil).ID, ims.JobError)
	if !strings.Contains(bad.Error, "no recipe.json") {
		t.Errorf("a recipe without its file: %q", bad.Error)
	}
}

// fakeKiwi stands for kiwi-ng in what a job wants of it: its arguments, and the
// root that it leaves.
const fakeKiwi = `#!/bin/sh
set -eu
[ "$1" != --config ] || shift 2
[ "$1 $2 $3 $5" = "system build --description --target-dir" ]
grep -q 'name="bookworm"' "$4/config.xml" || { echo "Schema validation failed"; exit 1; }
root=$6/build/image-root
mkdir -p "$root/boot" "$root/etc" "$root/tmp"
echo kernel > "$root/boot/vmlinuz-1"; ln -s /boot/vmlinuz-1 "$root/boot/vmlinuz"
echo initrd > "$root/boot/initrd"
echo made > "$root/etc/motd"
`

func TestImageOfAKiwiRecipe(t *testing.T) {
	r := start(t)
	r.small()
	bin := t.TempDir()
	for name, text := range map[string]string{"kiwi-ng": fakeKiwi, "rsync": "#!/bin/sh\n"} {
		if err := os.WriteFile(bin+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	j := r.reaches(r.create(r.recipe("kiwi-ng", "config.xml.j2", `<image name="{{SUITE}}"/>`), nil).ID, ims.JobSuccess)
	i := r.image(*j.ImageID)
	if text, err := objects.Get(t.Context(), r.manifest(i)[ims.KernelType].Link.Path, 100); err != nil || string(text) != "kernel\n" {
		t.Errorf("the kernel is %q, %v", text, err)
	}
	if text, err := os.ReadFile(r.unpacked(i) + "/etc/motd"); err != nil || string(text) != "made\n" {
		t.Errorf("the root has %q, %v", text, err)
	}

	broken := r.recipe("kiwi-ng", "config.xml", `<image name="other"/>`)
	j = r.reaches(r.create(broken, nil).ID, ims.JobError)
	if !strings.Contains(j.Error, "Schema validation failed") {
		t.Errorf("a build that fails: %q", j.Error)
	}
	j = r.reaches(r.create(broken, func(n *ims.NewJob) { n.Debug = true }).ID, ims.JobWaitingOnUser)
	if got := r.sh(j, "ls /mnt/image; touch /mnt/image/complete"); got != "build\nimage-root" {
		t.Errorf("in the shell of a failed build: %s", got)
	}
	j = r.reaches(j.ID, ims.JobError)
	if !strings.Contains(j.Error, "kiwi-ng") {
		t.Errorf("a build that was looked into: %q", j.Error)
	}
	r.gone(j.ID)
}

// kiwiRecipe is a small one that the real kiwi-ng builds.
const kiwiRecipe = `<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="8.0" name="drover-check">
  <description type="system"><author>Drover</author><contact>drover@example.com</contact><specification>check</specification></description>
  <preferences>
    <version>1.0.0</version><packagemanager>apt</packagemanager><rpm-check-signatures>false</rpm-check-signatures>
    <type image="tbz"/>
  </preferences>
  <repository type="apt-deb" alias="debian" distribution="{{SUITE}}" components="main" repository_gpgcheck="false"><source path="http://deb.debian.org/debian"/></repository>
  <packages type="image"><package name="linux-image-cloud-amd64"/><package name="initramfs-tools"/><package name="openssh-server"/></packages>
  <packages type="bootstrap"><package name="base-passwd"/><package name="base-files"/></packages>
</image>
`

// kiwiScript leaves kernel and initial RAM disk under the names that jobs look
// for.
const kiwiScript = `#!/bin/sh
set -e
cd /boot
ln -sf vmlinuz-* vmlinuz
ln -sf initrd.img-* initrd
`

// The real kiwi-ng takes a minute and the network: make kiwi-check.
func TestImageOfARecipeByTheRealKiwi(t *testing.T) {
	if os.Getenv("KIWI_CHECK") == "" {
		t.Skip("make kiwi-check runs this")
	}
	if _, err := exec.LookPath("kiwi-ng"); err != nil {
		t.Fatal(err)
	}
	r := start(t)
	r.patience = 12 * time.Minute
	t.Cleanup(func() {
		for _, j := range r.jobs() {
			if t.Failed() {
				t.Log(r.logs(j.ID))
			}
		}
	})
	j := r.create(r.recipe("kiwi-ng", "config.xml.j2", kiwiRecipe, kiwiScript), nil)
	j = r.reaches(j.ID, ims.JobSuccess)
	root := r.unpacked(r.image(*j.ImageID))
	if _, err := os.Stat(root + "/usr/sbin/sshd"); err != nil {
		t.Error(err)
	}
	r.gone(j.ID)
}
