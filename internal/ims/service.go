package ims

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/drover-hpc/drover/internal/events"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/store"
)

// ImagesTable is the name under which changes of images are hinted.
const ImagesTable = "ims_images"

// Config is what a Service works with.
type Config struct {
	DB      *store.DB
	Objects ObjectStore
	Now     func() time.Time
	// Hub tells of changed jobs; nil: they are looked at now and then.
	Hub *events.Hub
	// Runner runs jobs; nil: nobody does, and they are refused.
	Runner Runner
}

// Service keeps images, recipes and public keys, and runs jobs.
type Service struct {
	cfg     Config
	images  shelf[Image, DeletedImage]
	recipes shelf[Recipe, DeletedRecipe]
	keys    shelf[PublicKey, DeletedPublicKey]

	jobs       *store.Table[jobRecord]
	buildNodes *store.Table[BuildNode]
	operator   *operator
}

// NewService returns the service.
func NewService(cfg Config) *Service {
	s := &Service{cfg: cfg}
	s.images, s.recipes, s.keys = s.imageShelf(), s.recipeShelf(), s.keyShelf()
	s.jobs, s.buildNodes = s.jobTable(), s.buildNodeTable()
	return s
}

func (s *Service) imageShelf() shelf[Image, DeletedImage] {
	return shelf[Image, DeletedImage]{
		kind: "Image", db: s.cfg.DB, objects: holding{s.cfg.Objects, true},
		live: store.NewTable(s.cfg.DB, store.Spec[Image]{Name: ImagesTable, Kind: "Image",
			Key:     func(i *Image) string { return i.ID },
			Indexes: []store.Index[Image]{{Column: "path", Of: imagePathOf}}}),
		deleted: store.NewTable(s.cfg.DB, store.Spec[DeletedImage]{Name: "ims_deleted_images", Kind: "Deleted image",
			Key: func(i *DeletedImage) string { return i.ID }}),
		id:     func(i *Image) string { return i.ID },
		link:   func(i *Image) *Link { return i.Link },
		buried: func(i *DeletedImage) *Image { return &i.Image },
		bury: func(i Image, link *Link) DeletedImage {
			i.Link = link
			return DeletedImage{Image: i, Deleted: s.now()}
		},
		revive: func(d DeletedImage, link *Link) Image {
			d.Link = link
			return d.Image
		}}
}

func (s *Service) recipeShelf() shelf[Recipe, DeletedRecipe] {
	return shelf[Recipe, DeletedRecipe]{
		kind: "Recipe", db: s.cfg.DB, objects: holding{s.cfg.Objects, false},
		live: store.NewTable(s.cfg.DB, store.Spec[Recipe]{Name: "ims_recipes", Kind: "Recipe",
			Key: func(r *Recipe) string { return r.ID }}),
		deleted: store.NewTable(s.cfg.DB, store.Spec[DeletedRecipe]{Name: "ims_deleted_recipes", Kind: "Deleted recipe",
			Key: func(r *DeletedRecipe) string { return r.ID }}),
		id:     func(r *Recipe) string { return r.ID },
		link:   func(r *Recipe) *Link { return r.Link },
		buried: func(r *DeletedRecipe) *Recipe { return &r.Recipe },
		bury: func(r Recipe, link *Link) DeletedRecipe {
			r.Link = link
			return DeletedRecipe{Recipe: r, Deleted: s.now()}
		},
		revive: func(d DeletedRecipe, link *Link) Recipe {
			d.Link = link
			return d.Recipe
		}}
}

func (s *Service) keyShelf() shelf[PublicKey, DeletedPublicKey] {
	return shelf[PublicKey, DeletedPublicKey]{
		kind: "Public key", db: s.cfg.DB,
		live: store.NewTable(s.cfg.DB, store.Spec[PublicKey]{Name: "ims_public_keys", Kind: "Public key",
			Key: func(k *PublicKey) string { return k.ID }}),
		deleted: store.NewTable(s.cfg.DB, store.Spec[DeletedPublicKey]{Name: "ims_deleted_public_keys", Kind: "Deleted public key",
			Key: func(k *DeletedPublicKey) string { return k.ID }}),
		id:     func(k *PublicKey) string { return k.ID },
		link:   func(*PublicKey) *Link { return nil },
		buried: func(k *DeletedPublicKey) *PublicKey { return &k.PublicKey },
		bury: func(k PublicKey, _ *Link) DeletedPublicKey {
			return DeletedPublicKey{PublicKey: k, Deleted: s.now()}
		},
		revive: func(d DeletedPublicKey, _ *Link) PublicKey { return d.PublicKey },
		may:    func(ctx context.Context, k *PublicKey) error { return onlyOwnKey(ctx, k.Name) }}
}

func imagePathOf(i *Image) string {
	if i.Link == nil {
		return ""
	}
	return i.Link.Path
}

func (s *Service) now() Time { return Time{s.cfg.Now().UTC()} }

// CreateImage adds an image. A link must lead to a manifest that is in order,
// all of whose artifacts exist, and that no other image has.
func (s *Service) CreateImage(ctx context.Context, n NewImage) (Image, error) {
	if err := fault.CheckName("name", n.Name); err != nil {
		return Image{}, err
	}
	if err := s.images.objects.check(ctx, n.Link); err != nil {
		return Image{}, err
	}
	i := n.image(uuid.NewString(), s.now())
	err := s.cfg.DB.InTx(ctx, func(ctx context.Context) error {
		if err := s.pathFree(ctx, i); err != nil {
			return err
		}
		return s.images.live.Insert(ctx, i)
	})
	return i, err
}

// PatchImage changes an image; a new link is checked as in CreateImage.
func (s *Service) PatchImage(ctx context.Context, id string, p ImagePatch) (Image, error) {
	old, err := s.images.get(ctx, id)
	if err != nil {
		return old, err
	}
	if err := p.apply(&old); err != nil { // refused before S3 is asked
		return Image{}, err
	}
	if err := s.images.objects.check(ctx, p.Link); err != nil {
		return Image{}, err
	}
	return s.images.live.UpdateOne(ctx, id, func(i *Image) error {
		if err := p.apply(i); err != nil {
			return err
		}
		return s.pathFree(ctx, *i)
	})
}

// pathFree reports whether no other image has the image's manifest.
func (s *Service) pathFree(ctx context.Context, i Image) error {
	path := imagePathOf(&i)
	if path == "" {
		return nil
	}
	users, err := s.images.live.List(ctx, store.Query{Where: []store.Match{store.Is("path", path)}})
	for _, u := range users {
		if u.ID != i.ID {
			return fault.New(fault.Invalid, "image '%s' has the manifest %s already - 'link.path'", u.ID, path)
		}
	}
	return err
}

// CreateRecipe adds a recipe; what a link leads to must exist.
func (s *Service) CreateRecipe(ctx context.Context, n NewRecipe) (Recipe, error) {
	if err := fault.CheckName("name", n.Name); err != nil {
		return Recipe{}, err
	}
	if err := s.recipes.objects.check(ctx, n.Link); err != nil {
		return Recipe{}, err
	}
	r := n.recipe(uuid.NewString(), s.now())
	return r, s.recipes.live.Insert(ctx, r)
}

// PatchRecipe changes a recipe.
func (s *Service) PatchRecipe(ctx context.Context, id string, p RecipePatch) (Recipe, error) {
	if err := s.recipes.objects.check(ctx, p.Link); err != nil {
		return Recipe{}, err
	}
	return s.recipes.live.UpdateOne(ctx, id, p.apply)
}

// CreatePublicKey adds a key.
func (s *Service) CreatePublicKey(ctx context.Context, n NewPublicKey) (PublicKey, error) {
	if err := n.check(); err != nil {
		return PublicKey{}, err
	}
	k := PublicKey{ID: uuid.NewString(), Created: s.now(), Name: n.Name, PublicKey: n.PublicKey}
	return k, s.keys.live.Insert(ctx, k)
}
