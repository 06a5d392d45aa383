package imagejob_test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/drover-hpc/drover/internal/ims"
)

// manifest reads the image's manifest, by type of artifact.
func (r *rig) manifest(i ims.Image) map[string]ims.Artifact {
	r.t.Helper()
	data, err := objects.Get(r.t.Context(), i.Link.Path, ims.MaxManifest)
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := ims.ReadManifest(i.Link.Path, data)
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]ims.Artifact{}
	for _, a := range m.Artifacts {
		out[a.Type] = a
		o, err := objects.Head(r.t.Context(), a.Link.Path)
		if err != nil || o.ETag != a.Link.ETag {
			r.t.Errorf("%s has the ETag %s in the manifest, %s in the store (%v)", a.Link.Path, a.Link.ETag, o.ETag, err)
		}
	}
	return out
}

// unpacked is the image's root file system as a folder.
func (r *rig) unpacked(i ims.Image) string {
	r.t.Helper()
	dir := r.t.TempDir()
	packed, err := os.Create(filepath.Join(dir, "rootfs"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer packed.Close()
	if err := objects.Download(r.t.Context(), r.manifest(i)[ims.RootfsType].Link.Path, packed); err != nil {
		r.t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if said, err := exec.Command("unsquashfs", "-no-progress", "-d", root, packed.Name()).CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, said)
	}
	return root
}

func (r *rig) image(id string) (i ims.Image) {
	r.t.Helper()
	r.must("GET", "/v3/images/"+id, nil, &i)
	return i
}

// netRaw is the attribute of a program that may open raw sockets.
const netRaw = "0100000200200000000000000000000000000000"

func TestCustomizedImageIsWhatTheUserOfTheShellMade(t *testing.T) {
	r := start(t)
	base := r.registerDebian()
	j := r.customize(base.ID, nil)
	if j.Status != ims.JobCreating || j.Containers[0].Status != ims.ShellPending {
		t.Errorf("a new job is %s, its shell %s", j.Status, j.Containers[0].Status)
	}
	r.must("DELETE", "/v3/public-keys/"+r.keyID, nil, nil) // whose text the job has
	j = r.reaches(j.ID, ims.JobWaitingOnUser)
	if j.Containers[0].Status != ims.ShellActive {
		t.Errorf("the shell is %s", j.Containers[0].Status)
	}
	if got := r.sh(j, "id -un; cat /etc/debian_version | cut -c1-3; ls /mnt; echo $$"); !strings.HasPrefix(got, "root\n12.") {
		t.Errorf("in the shell: %s", got)
	}
	r.sh(j, "echo made > /etc/motd; cp /bin/true /usr/bin/capable; mknod /srv/null c 1 3; touch /srv/owned; chown 1234:99 /srv/owned")
	r.sh(j, "mkdir -p /var/lib/apt/lists /var/cache/apt && touch /var/lib/apt/lists/x /var/cache/apt/y; echo k > /etc/ssh/ssh_host_rsa_key")
	r.sh(j, "mkdir -p /boot && echo parameters-of-the-root > /boot/kernel-parameters-1 && ln -sf /boot/kernel-parameters-1 /boot/kernel-parameters")
	if out, err := r.ssh(j, "python3 -c 'import os; os.setxattr(\"/usr/bin/capable\", \"security.capability\", bytes.fromhex(\""+netRaw+"\"))'"); err != nil {
		t.Fatalf("file capability: %v %s", err, out)
	}
	r.sh(j, "touch /tmp/complete") // and no error, although that ends the shell
	j = r.reaches(j.ID, ims.JobSuccess)

	i := r.image(*j.ImageID)
	if i.Name != "customised" || i.Arch != ims.X86_64 || i.Metadata["team"] != "hpc" || j.Containers[0].Status != ims.ShellComplete {
		t.Errorf("the image is %+v, its job %+v", i, j)
	}
	was, is := r.manifest(base), r.manifest(i)
	for _, kind := range []string{ims.KernelType, ims.InitrdType} {
		if is[kind].MD5 == "" || is[kind].MD5 != was[kind].MD5 {
			t.Errorf("%s was %+v and is %+v", kind, was[kind], is[kind])
		}
	}
	if text, err := objects.Get(t.Context(), is[ims.ParametersType].Link.Path, 100); err != nil || string(text) != "parameters-of-the-root\n" {
		t.Errorf("parameters %q, %v", text, err)
	}
	root := r.unpacked(i)
	said, _ := exec.Command("sh", "-c", `cd "$0" && cat etc/motd; stat -c '%n %F %t:%T' srv/null; stat -c '%u:%g' srv/owned; ls tmp var/lib/apt/lists var/cache/apt etc/ssh`, root).CombinedOutput()
	for _, want := range []string{"made\n", "character special file 1:3\n", "1234:99\n"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q is not in the image:\n%s", want, said)
		}
	}
	capability := make([]byte, 64)
	if n, err := unix.Getxattr(filepath.Join(root, "usr/bin/capable"), "security.capability", capability); err != nil || hex.EncodeToString(capability[:n]) != netRaw {
		t.Errorf("the file's capability is %x, %v", capability[:max(n, 0)], err)
	}
	for _, no := range []string{"ssh_host", "complete", "\nx\n", "\ny\n"} {
		if strings.Contains(string(said), no) {
			t.Errorf("%q is in the image:\n%s", no, said)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(r.dir, "jobs", j.ID)); len(entries) > 8 {
		t.Errorf("the job left %v", entries)
	}
}

func TestShellIsEnteredWhetherTheImagesRootIsLockedOrNot(t *testing.T) {
	r := start(t)
	j := r.reaches(r.customize(r.registerDebian().ID, nil).ID, ims.JobWaitingOnUser)
	if got := r.sh(j, "grep ^root: /etc/shadow; usermod -L root; touch /tmp/complete"); !strings.HasPrefix(got, "root:*:") {
		t.Errorf("root was to have no password: %s", got)
	}
	j = r.reaches(j.ID, ims.JobSuccess)
	j = r.reaches(r.customize(*j.ImageID, nil).ID, ims.JobWaitingOnUser)
	if got := r.sh(j, "grep ^root: /etc/shadow; touch /tmp/complete"); !strings.HasPrefix(got, "root:!") {
		t.Errorf("root was to be locked: %s", got)
	}
	r.reaches(j.ID, ims.JobSuccess)
}
