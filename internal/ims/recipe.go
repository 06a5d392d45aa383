package ims

import "cmp"

// Recipe describes how an image is built.
type Recipe struct {
	ID       string     `json:"id" format:"uuid" readOnly:"true" doc:"ID of the recipe"`
	Created  Time       `json:"created" readOnly:"true" doc:"When the record was made"`
	Name     string     `json:"name" doc:"Name of the recipe"`
	Type     string     `json:"recipe_type" enum:"kiwi-ng,packer,drover" doc:"Tool that builds it"`
	Distro   string     `json:"linux_distribution" enum:"sles12,sles15,centos7,debian12" doc:"Distribution that is built"`
	Link     *Link      `json:"link" doc:"Archive of the recipe"`
	Template []KeyValue `json:"template_dictionary" nullable:"false" doc:"Values for the variables in the recipe"`
	Arch     string     `json:"arch" enum:"aarch64,x86_64" doc:"Architecture of the image"`
	DKMS     bool       `json:"require_dkms" doc:"Whether the build needs DKMS"`
}

// DeletedRecipe is a recipe whose deletion can be undone.
type DeletedRecipe struct {
	Recipe
	Deleted Time `json:"deleted" readOnly:"true" doc:"When it was deleted"`
}

// KeyValue is a variable of a recipe and its value.
type KeyValue struct {
	Key   string `json:"key" doc:"Variable in the recipe"`
	Value string `json:"value" doc:"Its value"`
}

// NewRecipe is what a new recipe is made from.
type NewRecipe struct {
	Name     string     `json:"name" minLength:"1" maxLength:"255" doc:"Name of the recipe"`
	Type     string     `json:"recipe_type" enum:"kiwi-ng,packer,drover" doc:"Tool that builds it"`
	Distro   string     `json:"linux_distribution" enum:"sles12,sles15,centos7,debian12" doc:"Distribution that is built"`
	Link     *Link      `json:"link,omitempty" doc:"Archive of the recipe"`
	Template []KeyValue `json:"template_dictionary,omitempty" nullable:"false" doc:"Values for the variables in the recipe"`
	Arch     string     `json:"arch,omitempty" enum:"aarch64,x86_64" doc:"Architecture of the image; x86_64 unless given"`
	DKMS     *bool      `json:"require_dkms,omitempty" doc:"Whether the build needs DKMS; true unless given"`
}

func (n NewRecipe) recipe(id string, created Time) Recipe {
	return Recipe{ID: id, Created: created, Name: n.Name, Type: n.Type, Distro: n.Distro, Link: n.Link,
		Template: append([]KeyValue{}, n.Template...), Arch: cmp.Or(n.Arch, X86_64), DKMS: n.DKMS == nil || *n.DKMS}
}

// RecipePatch is a change of a recipe.
type RecipePatch struct {
	Link     *Link       `json:"link,omitempty" doc:"Archive, if the recipe has none yet"`
	Arch     string      `json:"arch,omitempty" enum:"aarch64,x86_64" doc:"Architecture of the image"`
	DKMS     *bool       `json:"require_dkms,omitempty" doc:"Whether the build needs DKMS"`
	Template *[]KeyValue `json:"template_dictionary,omitempty" nullable:"false" doc:"Values for the variables in the recipe"`
}

// apply changes the recipe as the patch says.
func (p RecipePatch) apply(r *Recipe) error {
	if err := setLink(&r.Link, p.Link, "recipe", r.ID); err != nil {
		return err
	}
	if p.Arch != "" {
		r.Arch = p.Arch
	}
	if p.DKMS != nil {
		r.DKMS = *p.DKMS
	}
	if p.Template != nil {
		r.Template = *p.Template
	}
	return nil
}
