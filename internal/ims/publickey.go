package ims

// PublicKey opens the shells of image builds to its owner.
type PublicKey struct {
	ID        string `json:"id" format:"uuid" readOnly:"true" doc:"ID of the key"`
	Created   Time   `json:"created" readOnly:"true" doc:"When the record was made"`
	Name      string `json:"name" doc:"Name of the key"`
	PublicKey string `json:"public_key" doc:"The key as OpenSSH writes it"`
}

// DeletedPublicKey is a key whose deletion can be undone.
type DeletedPublicKey struct {
	PublicKey
	Deleted Time `json:"deleted" readOnly:"true" doc:"When it was deleted"`
}

// NewPublicKey is what a new key is made from.
type NewPublicKey struct {
	Name      string `json:"name" minLength:"1" doc:"Name of the key"`
	PublicKey string `json:"public_key" minLength:"1" doc:"The key as OpenSSH writes it"`
}
