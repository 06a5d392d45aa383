package cfs

// Source is a repository with credentials. The credentials themselves are kept
// apart and never answered.
type Source struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	CloneURL    string            `json:"clone_url"`
	Credentials SourceCredentials `json:"credentials"`
	CACert      *CACert           `json:"ca_cert"`
	LastUpdated string            `json:"last_updated"`
}

// SourceCredentials names the secret that holds the credentials.
type SourceCredentials struct {
	AuthenticationMethod string `json:"authentication_method"`
	SecretName           string `json:"secret_name"`
}

// CACert names a ConfigMap with the certificates to trust.
type CACert struct {
	ConfigMapName      string `json:"configmap_name" minLength:"1" doc:"ConfigMap with the CA certificate"`
	ConfigMapNamespace string `json:"configmap_namespace,omitempty" doc:"Its namespace; services without it"`
}

// Secret is a user name and password for git.
type Secret struct {
	Name     string `json:"name"`
	Username string `json:"username"`
	Password string `json:"password"`
	// Server is where it may be shown; empty for those of before.
	Server string `json:"server,omitempty"`
}
