package imagejob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/image"
)

// build makes an image of the recipe. If that fails and the job is to be
// debugged, its user is let in before it ends.
func (w *work) build(ctx context.Context, out io.Writer) error {
	err := w.unpackRecipe(ctx, out)
	if err == nil && w.order.Recipe == RecipeDrover {
		return w.buildDebian(ctx, out)
	}
	if err == nil {
		err = w.buildKiwi(ctx, out)
	}
	if err != nil && w.order.Debug && ctx.Err() == nil {
		fmt.Fprintf(out, "the build failed: %v\n", err)
		if shellErr := w.shell(ctx, out, false); shellErr != nil {
			fmt.Fprintf(out, "%v\n", shellErr)
		}
	}
	return err
}

// recipe is where the recipe is unpacked.
func (w *work) recipe() string { return w.volume(recipeDir) }

func (w *work) unpackRecipe(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(w.recipe(), 0o755); err != nil {
		return err
	}
	return w.run(ctx, out, "tar", "--no-same-owner", "-xf", recipeFile, "-C", recipeDir)
}

// find returns the folder of the recipe that has the file: the recipe itself,
// or the only folder in it.
func (w *work) find(file string) (string, error) {
	for _, pattern := range []string{file, "*/" + file} {
		found, err := filepath.Glob(filepath.Join(w.recipe(), pattern))
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			return filepath.Dir(found[0]), nil
		}
	}
	return "", fmt.Errorf("the recipe has no %s", file)
}

// buildDebian builds as "drover images build" does.
func (w *work) buildDebian(ctx context.Context, out io.Writer) error {
	spec, err := w.debianSpec()
	if err != nil {
		return err
	}
	builder := image.Builder{Cache: w.settings.Cache, Progress: func(step string, took time.Duration) {
		fmt.Fprintf(out, "%6.1f s  %s\n", took.Seconds(), step)
	}}
	built, err := builder.Build(ctx, spec)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.volume("out"), 0o755); err != nil {
		return err
	}
	for _, name := range image.Files {
		if err := copyFile(filepath.Join(built.Dir, name), w.out(name)); err != nil {
			return err
		}
	}
	return nil
}

// debianRecipe is recipe.json of a recipe of the type drover.
type debianRecipe struct {
	Variant  image.Variant `json:"variant"`
	Suite    string        `json:"suite"`
	Mirror   string        `json:"mirror"`
	Packages []string      `json:"packages"`
}

// debianSpec reads the recipe.
func (w *work) debianSpec() (image.Spec, error) {
	dir, err := w.find("recipe.json")
	if err != nil {
		return image.Spec{}, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "recipe.json"))
	if err != nil {
		return image.Spec{}, err
	}
	r := debianRecipe{Variant: image.Busybox, Suite: image.DefaultSuite}
	decoder := json.NewDecoder(bytes.NewReader([]byte(w.substitute(string(text)))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return image.Spec{}, fmt.Errorf("recipe.json: %w; expected variant, suite, mirror and packages", err)
	}
	reporter, err := w.settings.reporter()
	if err != nil {
		return image.Spec{}, err
	}
	return image.Spec{Variant: r.Variant, Suite: r.Suite, Mirror: r.Mirror, Packages: r.Packages, Reporter: reporter}, nil
}

// buildKiwi has kiwi-ng build the recipe, and keeps the image's root.
func (w *work) buildKiwi(ctx context.Context, out io.Writer) error {
	if err := w.fillTemplates(); err != nil {
		return err
	}
	dir, err := w.find("config.xml")
	if err != nil {
		return err
	}
	target := w.volume(kiwiDir)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	args, err := w.kiwiConfig()
	if err != nil {
		return err
	}
	args = append(args, "system", "build", "--description", dir, "--target-dir", target)
	if err := w.run(ctx, out, "kiwi-ng", args...); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(target, "build", "image-root"), w.root()); err != nil {
		return fmt.Errorf("kiwi-ng left no image root: %w", err)
	}
	return os.RemoveAll(target)
}

// kiwiConfigs are the site's own settings of kiwi-ng.
var kiwiConfigs = []string{"/etc/kiwi.yml", "/root/.config/kiwi/config.yml"}

// kiwiConfig has kiwi-ng, unless the site has it otherwise, not spend minutes
// on an archive of which nobody needs more than what went into it.
func (w *work) kiwiConfig() ([]string, error) {
	for _, path := range kiwiConfigs {
		if _, err := os.Stat(path); err == nil {
			return nil, nil
		}
	}
	path := w.volume("kiwi.yml")
	return []string{"--config", path}, os.WriteFile(path, []byte("xz:\n  - options: '-0 --threads=0'\n"), 0o644)
}

// templateEnd is that of a file of a recipe that has variables, and becomes the
// file without it.
const templateEnd = ".j2"

func (w *work) fillTemplates() error {
	return filepath.WalkDir(w.recipe(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, templateEnd) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		filled := w.substitute(string(text))
		if strings.Contains(filled, "{%") {
			return fmt.Errorf("the template %s has statements; only variables such as {{ NAME }} are filled in", d.Name())
		}
		return os.WriteFile(strings.TrimSuffix(path, templateEnd), []byte(filled), 0o644)
	})
}

// substitute fills in the order's values.
func (w *work) substitute(text string) string {
	for _, v := range w.order.Template {
		text = strings.NewReplacer("{{ "+v.Key+" }}", v.Value, "{{"+v.Key+"}}", v.Value).Replace(text)
	}
	return text
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
