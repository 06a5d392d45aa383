package aee

import (
	"time"

	"github.com/drover-hpc/drover/internal/vcs"
)

// Settings are the site's part of a job: where things are. They are written
// beside the job when it starts.
type Settings struct {
	// Gateway is the base URL of the services, such as "http://127.0.0.1:8080".
	Gateway string `json:"gateway"`
	// Token is what the job shows there; empty: nobody asks.
	Token string `json:"token,omitempty"`
	// VCS are the names by which clone URLs mean the server itself.
	VCS vcs.Names `json:"vcs,omitzero"`
	// Files are the repositories of this machine that may be cloned by path.
	Files vcs.Files `json:"files,omitzero"`
	// HSM and IMS are the base URLs of services that are elsewhere; empty: they
	// are behind the gateway.
	HSM string `json:"hsm,omitempty"`
	IMS string `json:"ims,omitempty"`
	// CAFile has the certificates that git and the plugin trust; empty: the
	// system's.
	CAFile string `json:"ca_file,omitempty"`
	// CacheDir holds the bare mirrors of repositories, shared by all jobs.
	CacheDir string `json:"cache_dir"`
	// MaxMirrors is how many mirrors stay there, apart from those in use; 0: 256.
	MaxMirrors int `json:"max_mirrors,omitempty"`
	// TrustDir is the directory of trust.Open; empty: sessions get no SSH key.
	TrustDir string `json:"trust_dir,omitempty"`
	// KeyDir and CertDir hold the session's SSH key and its certificate, where it
	// is issued by the server; TrustDir is empty then. The certificate is renewed.
	KeyDir  string `json:"key_dir,omitempty"`
	CertDir string `json:"cert_dir,omitempty"`
	// Release is a further file that ends the hold of a failed session.
	Release string `json:"release,omitempty"`
	// StartTimeout is how long the container of a step may take to begin once that
	// of the next one has; 0: 5 minutes.
	StartTimeout time.Duration `json:"start_timeout,omitempty"`
	// Enter is the command by which a held session is looked at; empty: drover's own.
	Enter string `json:"enter,omitempty"`
	// ConfigDir holds the site's Ansible configurations as NAME/ansible.cfg.
	ConfigDir string `json:"config_dir,omitempty"`
	// ARA is the base URL of ARA's server; empty: sessions record nothing there.
	ARA string `json:"ara,omitempty"`
	// SSHPort is the nodes' SSH port; 0: Ansible's default.
	SSHPort int `json:"ssh_port,omitempty"`
	// SSHPorts are those of the networks, written as 10.1.0.0/16, in which it is
	// another.
	SSHPorts map[string]int `json:"ssh_ports,omitempty"`
	// GitRetries is how often a clone or fetch is repeated after the first
	// try, GitDelay the pause before each. 0 means 60 times and 10 s; a
	// negative GitRetries means never.
	GitRetries int           `json:"git_retries,omitempty"`
	GitDelay   time.Duration `json:"git_delay,omitempty"`
	// ReportTimeout is how long the Ansible plugin tries to reach CFS; 0: 5 minutes.
	ReportTimeout time.Duration `json:"report_timeout,omitempty"`
	// OrphanTimeout is how long a job goes on without a server; 0: 1 hour.
	OrphanTimeout time.Duration `json:"orphan_timeout,omitempty"`
	// Cage is what the steps see and may use; nil: what the server's user does.
	Cage *Cage `json:"cage,omitempty"`
	// TimeLimit is how long a step may run, a hold for debugging aside; 0: as
	// long as it takes.
	TimeLimit time.Duration `json:"time_limit,omitempty"`
	// MaxLog bounds the log of each step, in bytes; 0: 8 MiB.
	MaxLog int64 `json:"max_log,omitempty"`
	// MaxResults bounds the record of what tasks came to, in bytes; 0: 16 MiB,
	// about 300,000 results. A quarter more is kept for those that went wrong.
	MaxResults int64 `json:"max_results,omitempty"`
}

func (s Settings) withDefaults() Settings {
	if s.GitRetries == 0 {
		s.GitRetries = 60
	}
	if s.GitDelay == 0 {
		s.GitDelay = 10 * time.Second
	}
	if s.ReportTimeout == 0 {
		s.ReportTimeout = 5 * time.Minute
	}
	if s.OrphanTimeout == 0 {
		s.OrphanTimeout = time.Hour
	}
	if s.MaxMirrors == 0 {
		s.MaxMirrors = 256
	}
	if s.MaxLog == 0 {
		s.MaxLog = 8 << 20
	}
	if s.MaxResults == 0 {
		s.MaxResults = 16 << 20
	}
	return s
}
