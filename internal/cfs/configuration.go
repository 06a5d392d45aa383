package cfs

// Configuration is an ordered list of layers under a name. The JSON form is
// that of v3.
type Configuration struct {
	Name                string  `json:"name"`
	Description         string  `json:"description,omitempty"`
	TenantName          string  `json:"tenant_name,omitempty"`
	LastUpdated         string  `json:"last_updated"`
	Layers              []Layer `json:"layers"`
	AdditionalInventory *Layer  `json:"additional_inventory,omitempty"`
}

// Layer is one repository at one commit with the playbook to run; the
// additional inventory has no playbook.
type Layer struct {
	Name              string             `json:"name,omitempty" minLength:"1" format:"layer-name" doc:"Name of the layer"`
	CloneURL          string             `json:"clone_url,omitempty" format:"git-word" doc:"Repository; give this or source"`
	Source            string             `json:"source,omitempty" doc:"Source that names the repository; give this or clone_url"`
	Playbook          string             `json:"playbook,omitempty" format:"git-word" doc:"Playbook to run"`
	Commit            string             `json:"commit,omitempty" format:"commit" doc:"Commit to use; give this or branch"`
	Branch            string             `json:"branch,omitempty" format:"git-word" doc:"Branch whose head is looked up now; give this or commit"`
	SpecialParameters *SpecialParameters `json:"special_parameters,omitempty"`
}

// SpecialParameters are for special circumstances.
type SpecialParameters struct {
	IMSRequireDKMS *bool `json:"ims_require_dkms,omitempty" doc:"Whether image customization needs DKMS"`
}
