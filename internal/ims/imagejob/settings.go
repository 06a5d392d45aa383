package imagejob

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/job"
	"github.com/drover-hpc/drover/internal/s3"
)

// Settings are the site's part of a job. They are written beside the order when
// it starts.
type Settings struct {
	// Endpoint and Credentials are the object store's.
	Endpoint    string         `json:"endpoint"`
	Credentials s3.Credentials `json:"credentials"`
	// CABundle is a file with authorities that count beside the machine's.
	CABundle string `json:"ca_bundle,omitempty"`
	// Host is the address at which shells listen; empty: the pod's, or 127.0.0.1.
	Host string `json:"host,omitempty"`
	// Cache keeps what the recipes of type drover were built of.
	Cache string `json:"cache"`
	// Reporter is what those images have as /usr/bin/drover; empty: this program.
	Reporter string `json:"reporter,omitempty"`
	// Patience is how long a step waits for an object store that does not
	// answer; 0: 1 hour.
	Patience time.Duration `json:"patience,omitempty"`
	// OrphanTimeout is how long a job goes on without a server; 0: 1 hour.
	OrphanTimeout time.Duration `json:"orphan_timeout,omitempty"`
}

func (s Settings) withDefaults() Settings {
	s.Host = cmp.Or(s.Host, os.Getenv(podAddress), "127.0.0.1")
	if s.Patience == 0 {
		s.Patience = time.Hour
	}
	return s
}

// Grants are what a job does with the object store: it reads images and recipes, and
// writes the image that it makes.
func Grants(o ims.JobOrder) []s3.Grant {
	return append(s3.Reading([]string{ims.ImagesBucket, ims.RecipesBucket}, o.Source.Path),
		s3.Grant{Bucket: ims.ImagesBucket, Prefix: o.ImageID + "/", Write: true})
}

// with has the job's own credentials in the settings.
func (s Settings) with(credentials func(ims.JobOrder) s3.Credentials, o ims.JobOrder) Settings {
	if credentials != nil {
		s.Credentials = credentials(o)
	}
	return s
}

// reporter is the file that images of recipes of type drover have as
// /usr/bin/drover.
func (s Settings) reporter() (string, error) {
	if s.Reporter != "" {
		return s.Reporter, nil
	}
	return os.Executable()
}

// work is a job as its steps see it.
type work struct {
	job.Dir
	order    ims.JobOrder
	settings Settings
	waits    job.Waits
}

// Files of a job's directory.
const (
	orderFile    = "order.json"
	settingsFile = "settings.json"
	sourceFile   = "source.json" // the manifest of the image that is customised
	shellFile    = "shell.json"
	productFile  = "image.json"
	whyFile      = "why.json"
	volumeFile   = "volume.img"
)

func readWork(d job.Dir) (*work, error) {
	w := &work{Dir: d, waits: job.Waits{Dir: d}}
	var err error
	if w.order, err = job.Read[ims.JobOrder](d, orderFile); err != nil {
		return nil, err
	}
	w.settings, err = job.Read[Settings](d, settingsFile)
	w.settings = w.settings.withDefaults()
	return w, err
}

func files(o ims.JobOrder, s Settings) map[string]any {
	return map[string]any{orderFile: o, settingsFile: s}
}

// The types of recipes.
const (
	RecipeKiwi   = "kiwi-ng"
	RecipeDrover = "drover"
)

// stepTeardown is the last of each job.
const stepTeardown = "teardown"

// steps are those of the order's kind.
func steps(o ims.JobOrder) []string {
	switch {
	case o.Type == ims.Customize:
		return []string{ims.StepFetch, ims.StepUnpack, ims.StepShell, ims.StepPack, ims.StepUpload}
	case o.Recipe == RecipeDrover:
		return []string{ims.StepFetch, ims.StepBuild, ims.StepUpload}
	}
	return []string{ims.StepFetch, ims.StepBuild, ims.StepPack, ims.StepUpload}
}

// allSteps are those that there are.
func allSteps() []string {
	list := steps(ims.JobOrder{Type: ims.Customize})
	return slices.Concat(list, []string{ims.StepBuild, stepTeardown})
}

// Places on the volume.
const (
	packedFile = "rootfs.squashfs"
	recipeFile = "recipe.tar"
	recipeDir  = "recipe"
	kiwiDir    = "image/build"
)

func (w *work) volume(elem ...string) string { return w.Path(append([]string{"volume"}, elem...)...) }
func (w *work) root() string                 { return w.volume("image", "image-root") }
func (w *work) out(file string) string       { return w.volume("out", file) }

func (w *work) objects() (*s3.Client, error) {
	trust, err := certs.Pool(w.settings.CABundle)
	if err != nil {
		return nil, fmt.Errorf("authorities that the job trusts: %w", err)
	}
	c, err := s3.NewClientOver(w.settings.Endpoint, w.settings.Credentials, func(t *http.Transport) http.RoundTripper { return certs.Trust(t, trust) })
	if err != nil {
		return nil, fmt.Errorf("the object store of the job: %w", err)
	}
	return c, nil
}
