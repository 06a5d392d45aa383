package server

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/drover-hpc/drover/internal/bmc"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/fault"
)

// Config is what a server is started with. Each field is a flag of `drover
// serve`, an environment variable (DROVER_ and the flag's name, - as _) and a
// key of the configuration file, in this order of precedence.
type Config struct {
	Listen      string `mapstructure:"listen"`
	S3Listen    string `mapstructure:"s3-listen"`
	Data        string `mapstructure:"data"`
	Database    string `mapstructure:"database"`
	PeerURL     string `mapstructure:"peer-url"`
	Advertise   string `mapstructure:"advertise"`
	S3Advertise string `mapstructure:"s3-advertise"`
	S3URL       string `mapstructure:"s3-url"`
	LogLevel    string `mapstructure:"log-level"`
	DebugListen string `mapstructure:"debug-listen"`
	Auth        string `mapstructure:"auth"`

	SecretKey SecretKey `mapstructure:",squash"`

	OIDC OIDC `mapstructure:",squash"`
	TLS  TLS  `mapstructure:",squash"`

	Limits Limits `mapstructure:",squash"`

	Account Account `mapstructure:",squash"`

	NodeListen     string   `mapstructure:"node-listen"`
	NodeS3Listen   string   `mapstructure:"node-s3-listen"`
	NodeIdentity   string   `mapstructure:"node-identity"`
	TrustedProxies []string `mapstructure:"trusted-proxies"`
	Insecure       bool     `mapstructure:"insecure"`
	Hosts          []string `mapstructure:"hosts"`
	proxies        []netip.Prefix

	HSM   string `mapstructure:"hsm-url"`
	PCS   string `mapstructure:"pcs-url"`
	BSS   string `mapstructure:"bss-url"`
	IMS   string `mapstructure:"ims-url"`
	TAPMS string `mapstructure:"tapms-url"`

	Roles    []string `mapstructure:"hsm-roles"`
	SubRoles []string `mapstructure:"hsm-subroles"`

	S3Endpoint  string `mapstructure:"s3-endpoint"`
	S3AccessKey string `mapstructure:"s3-access-key"`
	S3SecretKey string `mapstructure:"s3-secret-key"`

	S3TokenTime       time.Duration `mapstructure:"s3-token-time"`
	S3OperatorBuckets []string      `mapstructure:"s3-operator-buckets"`

	STS STS `mapstructure:",squash"`

	Kafka Kafka `mapstructure:",squash"`

	Traces Traces `mapstructure:",squash"`

	Executor   string     `mapstructure:"executor"`
	Kubernetes Kubernetes `mapstructure:",squash"`

	Cage Cage `mapstructure:",squash"`

	SSHPort     int           `mapstructure:"ssh-port"`
	AnsibleDir  string        `mapstructure:"ansible-config-dir"`
	ARA         string        `mapstructure:"ara-url"`
	MaxSessions int           `mapstructure:"max-sessions"`
	HoldCFS     bool          `mapstructure:"cfs-hold-sessions"`
	JobOrphan   time.Duration `mapstructure:"job-orphan-timeout"`
	ShellHost   string        `mapstructure:"image-shell-host"`
	PollPower   time.Duration `mapstructure:"poll-power"`
	BMCEvents   string        `mapstructure:"bmc-events"`
	VCSHosts    []string      `mapstructure:"vcs-hosts"`
	VCSMaxPush  int64         `mapstructure:"vcs-max-push"` // MiB
	BootRetry   time.Duration `mapstructure:"boot-retry"`
	JournalKeep time.Duration `mapstructure:"journal-keep"`
	JournalSize int64         `mapstructure:"journal-size"` // MiB
	AuditKeep   time.Duration `mapstructure:"audit-keep"`
	AuditSize   int64         `mapstructure:"audit-size"`   // MiB
	MemoryLimit int64         `mapstructure:"memory-limit"` // MiB

	TransitionsSize int64 `mapstructure:"transitions-size"` // MiB

	Simulate     int           `mapstructure:"simulate"`
	SimARM       bool          `mapstructure:"sim-arm"`
	SimBootDelay time.Duration `mapstructure:"sim-boot-delay"`
	SimOnDelay   time.Duration `mapstructure:"sim-on-delay"`
	SimOffDelay  time.Duration `mapstructure:"sim-off-delay"`
	SimFailure   float64       `mapstructure:"sim-boot-failures"`
	SimBMCs      []string      `mapstructure:"sim-bmcs"`

	Virtual Virtual `mapstructure:"virtual"`
}

// Virtual is a section of the configuration file; its flags begin with its
// name, and the number of nodes is --virtual alone.
type Virtual struct {
	Nodes  int    `mapstructure:"nodes"`
	Memory int    `mapstructure:"memory"` // MiB of each node
	CPUs   int    `mapstructure:"cpus"`
	Accel  string `mapstructure:"accel"`
}

// declare adds the flags. Their defaults are the configuration's defaults.
func declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("config", "", "configuration `FILE` (YAML, TOML or JSON) with the names of these flags as keys")
	f.String("listen", "127.0.0.1:8080", "`HOST:PORT` of all services")
	f.String("s3-listen", "127.0.0.1:8081", "`HOST:PORT` of the embedded S3")
	f.String("data", "drover-data", "`DIR` for everything that is kept")
	f.String("database", "", "`URL` of a PostgreSQL database (postgres://...); without it SQLite in the data directory")
	f.String("peer-url", "", "`URL` by which other servers on the same PostgreSQL database reach this one (default: that of --listen)")
	f.String("advertise", "", "`URL` by which nodes reach this server (default: that of --node-listen, or of --listen)")
	f.String("s3-advertise", "", "`URL` by which nodes reach the embedded S3 (default: that of --node-s3-listen, or of --s3-listen)")
	f.String("s3-url", "", "`URL` by which clients and pods reach the embedded S3 (default: that of --s3-listen; without --node-s3-listen, --s3-advertise)")
	f.String("auth", authToken, "whom to serve: token (requests have to show one), or none (everybody, on loopback alone)")
	declareSecretKey(f)
	declareOIDC(f)
	declareTLS(f)
	declareLimits(f)
	declareAccount(f)
	f.String("node-listen", "", "`HOST:PORT` for nodes alone: boot scripts, cloud-init and reports, and nothing else (default: they come to --listen)")
	f.String("node-s3-listen", "", "`HOST:PORT` at which nodes fetch artifacts by the links they are given, and nothing else (default: they come to --s3-listen)")
	f.String("node-identity", byAny, "by what a node that reports is known: token (of its boot), address (in HSM), any, both or none")
	f.StringSlice("trusted-proxies", []string{"127.0.0.0/8", "::1"}, "addresses and networks of proxies that are believed when they say who calls (X-Forwarded-For)")
	f.StringSlice("hosts", nil, "further `NAME`s by which administrators call this server; others than its addresses, those of the machine and of its URLs are refused")
	f.Bool("insecure", false, "have nodes and administrators come to one address, although it is not loopback")
	f.String("log-level", "info", "least that is logged: debug, info, warn or error")
	declareDebug(f)
	for _, e := range (&Config{}).externals() {
		f.String(e.flag, "", "`URL` of an external "+e.name+" to use instead of the embedded one, such as "+e.examples)
	}
	f.String("s3-endpoint", "", "`URL` of an external S3 to use instead of the embedded one")
	f.String("s3-access-key", "", "access key of the S3 service (embedded: generated)")
	f.String("s3-secret-key", "", "secret key of the S3 service (embedded: generated)")
	f.Duration("s3-token-time", tokenTime, "time for which credentials of the object store count that are given out (PUT /apis/sts/token)")
	f.StringSlice("s3-operator-buckets", imageBuckets, "buckets of the object store whose objects operators may read and write; '*': of all")
	declareSTS(f)
	declareKafka(f)
	declareTraces(f)
	declareKubernetes(f)
	f.Int("ssh-port", 22, "`PORT` at which nodes accept SSH (with --simulate: the fleet's)")
	f.String("ansible-config-dir", "", "`DIR` with further Ansible configurations, NAME/ansible.cfg each")
	f.String("ara-url", "", "`URL` of ARA, such as http://ara.example.org: sessions record there as well, and their records link there")
	f.Int("max-sessions", 0, "CFS sessions that run at once; 0: four for each processor of this machine")
	declareCage(f)
	f.Bool("cfs-hold-sessions", false, "accept CFS sessions and start none until a start without this (maintenance); jobs that run go on")
	f.Duration("job-orphan-timeout", time.Hour, "time that a job of CFS or IMS goes on without a server; then it ends itself")
	f.String("image-shell-host", "127.0.0.1", "`ADDRESS` of this machine at which the shells of image jobs listen")
	f.StringSlice("hsm-roles", nil, "roles of components that this site has beside the built-in ones, with commas between them")
	f.StringSlice("hsm-subroles", nil, "sub-roles of components that this site has beside the built-in ones, with commas between them")
	f.StringSlice("vcs-hosts", []string{"api-gw-service-nmn.local"}, "`HOST`s that mean this server in clone URLs such as https://HOST/vcs/cray/NAME.git; '' for none, where another server has that name")
	f.Int64("vcs-max-push", 512, "most that one push to a repository of this server may bring, in `MiB`")
	f.Duration("journal-keep", 90*24*time.Hour, "time for which is kept what happened to nodes; 0 is for ever")
	f.Int64("journal-size", 1024, "most that what happened to nodes may take, in `MiB`, before the oldest goes; 0 is any size")
	f.Duration("audit-keep", 365*24*time.Hour, "time for which is kept who did what; 0 is for ever")
	f.Int64("audit-size", 1024, "most that who did what may take, in `MiB`, before the oldest goes; 0 is any size")
	f.Int64("transitions-size", 256, "most that finished power transitions of the last day may take, in `MiB`, before the oldest goes, and as much for power cap tasks; 0 is any size")
	f.Duration("poll-power", 30*time.Second, "time between looks at the power state of all nodes")
	f.String("bmc-events", "", "`URL` by which BMCs reach this server, to have them tell of changes of power by Redfish events; those that do are looked at ten to twenty times as rarely")
	f.Duration("boot-retry", 30*time.Second, "pause in boot scripts before a node that could not boot tries again")
	f.Int64("memory-limit", 0, "memory that this process tries to stay below, in `MiB`; 0: half of what the machine, or its cgroup, has")
	declareFleets(f)
}

// declareFleets are the flags of nodes that this server makes itself.
func declareFleets(f *pflag.FlagSet) {
	f.Int("simulate", 0, "start `N` simulated nodes")
	f.Bool("sim-arm", false, "make every second simulated node an ARM node")
	f.Duration("sim-boot-delay", 2*time.Second, "time a simulated node takes to boot")
	f.Duration("sim-on-delay", 200*time.Millisecond, "time from PoweringOn to On of a simulated node")
	f.Duration("sim-off-delay", 500*time.Millisecond, "time a simulated node takes to shut down gracefully")
	f.StringSlice("sim-bmcs", nil, "`CHARACTER`s of the simulated BMCs, one after another: all, or some of "+strings.Join(bmc.CharacterNames(), ", "))
	f.Float64("sim-boot-failures", 0, "share of simulated boots that hang, 0 to 1")
	f.Int("virtual", 0, "start `N` virtual nodes: QEMU machines that boot for real")
	f.Int("virtual-memory", 384, "memory of each virtual node, in `MiB`")
	f.Int("virtual-cpus", 1, "processors of each virtual node")
	f.String("virtual-accel", "tcg", "what runs virtual nodes: tcg (everywhere) or kvm (where the host has it)")
}

// bind ties each flag to its key and to its environment variable.
func bind(v *viper.Viper, flags *pflag.FlagSet) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		key, variable := keyOf(f.Name), "DROVER_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		err = errors.Join(err, v.BindPFlag(key, f), v.BindEnv(key, variable))
	})
	return err
}

// load reads flags, environment and file into a Config and checks it.
func load(cmd *cobra.Command) (Config, error) {
	v := viper.New()
	if err := bind(v, cmd.Flags()); err != nil {
		return Config{}, err
	}
	if file := v.GetString("config"); file != "" {
		v.SetConfigFile(file)
		if err := v.ReadInConfig(); err != nil {
			return Config{}, fault.New(fault.Invalid, "configuration file %s: %w", file, err)
		}
		if err := refuseUnknown(v, cmd, file); err != nil {
			return Config{}, err
		}
	}
	var c Config
	if err := v.Unmarshal(&c); err != nil {
		says := strings.TrimPrefix(err.Error(), "decoding failed due to the following error(s):")
		return Config{}, fault.New(fault.Invalid, "configuration: %s", strings.Join(strings.Fields(says), " "))
	}
	c.SecretKey.take()
	c.MaxSessions = cmp.Or(c.MaxSessions, cfs.DefaultMaxJobs())
	return c, c.check()
}

// check refuses what cannot work and makes paths absolute: the embedded S3
// changes the working directory.
func (c *Config) check() error {
	paths := c.TLS.paths()
	paths["data"], paths["ansible-config-dir"], paths["secret-key"] = &c.Data, &c.AnsibleDir, &c.SecretKey.File
	paths["services-client-secret-file"] = &c.Account.SecretFile
	for flag, path := range paths {
		var err error
		if *path, err = absolute(*path); err != nil {
			return fault.New(fault.Invalid, "%s: %w", flag, err)
		}
	}
	for _, e := range c.externals() {
		if err := e.settle(); err != nil {
			return err
		}
	}
	for _, check := range []func() error{c.settleOwn, c.checkPeers, c.checkListeners, c.checkDebug, c.checkAuth, c.OIDC.check, c.checkTLS, c.checkAccount, c.checkDoors, c.checkSTS, c.Limits.check, c.Kafka.check, c.checkTraces, c.checkBMCEvents,
		func() error { return c.Kubernetes.check(c) }, func() error { return c.Cage.check(c) }, c.checkValues} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkValues refuses values that no server can work with.
func (c *Config) checkValues() error {
	switch {
	case c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://"):
		return fault.New(fault.Invalid, "database: expected a postgres:// URL, got %q", c.Database)
	case c.Simulate < 0 || c.Simulate > 100_000:
		return fault.New(fault.Invalid, "simulate: expected 0 to 100000 nodes, got %d", c.Simulate)
	case c.SimFailure < 0 || c.SimFailure > 1:
		return fault.New(fault.Invalid, "sim-boot-failures: expected a share from 0 to 1, got %g", c.SimFailure)
	case c.Virtual.Nodes > 0 && (c.BSS != "" || c.S3Endpoint != ""):
		return fault.New(fault.Invalid, "virtual: virtual nodes reach this server only: expected no bss-url and no s3-endpoint")
	case slices.ContainsFunc(c.VCSHosts, func(h string) bool { return h == "" || strings.ContainsAny(h, "/@ ") }):
		return fault.New(fault.Invalid, "vcs-hosts: expected names such as api-gw-service-nmn.local or HOST:PORT, got %q", c.VCSHosts)
	case c.VCSMaxPush < 1 || c.VCSMaxPush > 1<<20:
		return fault.New(fault.Invalid, "vcs-max-push: expected 1 to %d MiB, got %d", 1<<20, c.VCSMaxPush)
	case c.MemoryLimit != 0 && (c.MemoryLimit < leastMemory || c.MemoryLimit > 1<<30):
		return fault.New(fault.Invalid, "memory-limit: expected 0 or %d to %d MiB, got %d", leastMemory, 1<<30, c.MemoryLimit)
	case c.BootRetry < time.Second:
		return fault.New(fault.Invalid, "boot-retry: expected at least 1s, got %s", c.BootRetry)
	case c.JournalKeep < 0:
		return fault.New(fault.Invalid, "journal-keep: expected at least 0s, which is for ever, got %s", c.JournalKeep)
	case c.JournalSize < 0 || c.JournalSize > 1<<30:
		return fault.New(fault.Invalid, "journal-size: expected 0, which is any size, to %d MiB, got %d", 1<<30, c.JournalSize)
	case c.AuditKeep < 0:
		return fault.New(fault.Invalid, "audit-keep: expected at least 0s, which is for ever, got %s", c.AuditKeep)
	case c.AuditSize < 0 || c.AuditSize > 1<<30:
		return fault.New(fault.Invalid, "audit-size: expected 0, which is any size, to %d MiB, got %d", 1<<30, c.AuditSize)
	case c.TransitionsSize < 0 || c.TransitionsSize > 1<<30:
		return fault.New(fault.Invalid, "transitions-size: expected 0, which is any size, to %d MiB, got %d", 1<<30, c.TransitionsSize)
	case c.JobOrphan < time.Second:
		return fault.New(fault.Invalid, "job-orphan-timeout: expected at least 1s, got %s", c.JobOrphan)
	case !ownAddress(c.ShellHost):
		return fault.New(fault.Invalid, "image-shell-host: expected an IP address of this machine, got %q", c.ShellHost)
	case c.MaxSessions < 0:
		return fault.New(fault.Invalid, "max-sessions: expected 0, which is four for each processor, or more, got %d", c.MaxSessions)
	case c.SSHPort < 1 || c.SSHPort > 65535:
		return fault.New(fault.Invalid, "ssh-port: expected 1 to 65535, got %d", c.SSHPort)
	case c.S3TokenTime != 0 && (c.S3TokenTime < time.Minute || c.S3TokenTime > longestToken):
		return fault.New(fault.Invalid, "s3-token-time: expected 1m to %s, got %s", longestToken, c.S3TokenTime)
	case c.S3Endpoint != "" && (c.S3AccessKey == "" || c.S3SecretKey == ""):
		return fault.New(fault.Invalid, "s3-endpoint: s3-access-key and s3-secret-key are needed with it")
	}
	return nil
}

// checkPeers refuses what other servers could not use.
func (c *Config) checkPeers() (err error) {
	c.PeerURL, err = baseURL("peer-url", c.PeerURL, "http://drover1.example.org:8080")
	if err == nil && c.PeerURL != "" && c.Database == "" {
		return fault.New(fault.Invalid, "peer-url: only servers on one PostgreSQL database have peers: expected database with it")
	}
	return err
}

// checkListeners refuses what nobody can listen on, and what nodes could not
// find: that would show much later, in boot scripts.
func (c *Config) checkListeners() error {
	listens := map[string]string{"listen": c.Listen, "s3-listen": c.S3Listen}
	for flag, listen := range map[string]string{"node-listen": c.NodeListen, "node-s3-listen": c.NodeS3Listen} {
		if listen != "" {
			listens[flag] = listen
		}
	}
	if c.S3Endpoint != "" {
		delete(listens, "s3-listen")
	}
	for flag, listen := range listens {
		_, port, err := net.SplitHostPort(listen)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			return fault.New(fault.Invalid, "%s: expected HOST:PORT such as 10.1.0.1:8080, got %q", flag, listen)
		}
	}
	switch {
	case c.Advertise == "" && anyAddress(cmp.Or(c.NodeListen, c.Listen)):
		return fault.New(fault.Invalid, "listen: %s is every address of this machine; say with advertise by which URL nodes reach it", cmp.Or(c.NodeListen, c.Listen))
	case c.S3Endpoint != "" && c.NodeS3Listen != "":
		return fault.New(fault.Invalid, "node-s3-listen: s3-endpoint is another object store, which nodes reach by itself: expected one of both")
	case c.S3Endpoint != "" && c.S3URL != "":
		return fault.New(fault.Invalid, "s3-url: s3-endpoint is another object store, which clients reach by that URL: expected one of both")
	case c.S3Endpoint == "" && c.S3Advertise == "" && anyAddress(cmp.Or(c.NodeS3Listen, c.S3Listen)):
		return fault.New(fault.Invalid, "s3-listen: %s is every address of this machine; say with s3-advertise by which URL nodes reach it", cmp.Or(c.NodeS3Listen, c.S3Listen))
	}
	return nil
}

// absolute is the path from the root on. A configuration file and a unit of
// systemd have no shell that knows ~. An empty path stays empty.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if rest, home := strings.CutPrefix(path, "~/"); home || path == "~" {
		dir, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		if path = dir; home {
			path = filepath.Join(dir, rest)
		}
	}
	return filepath.Abs(path)
}

// anyAddress tells whether host:port names no address in particular.
func anyAddress(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	addr, bad := netip.ParseAddr(host)
	return err == nil && (host == "" || bad == nil && addr.IsUnspecified())
}

// peerURL is where other servers reach this one, which listens at the address;
// empty if that is not known.
func (c *Config) peerURL(listens string) string {
	if c.PeerURL == "" && !anyAddress(listens) {
		return c.TLS.scheme() + listens
	}
	return c.PeerURL
}

// database is the source that store.Open takes.
func (c *Config) database() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.Data, databaseFile)
}

// ownAddress tells whether the text can be an address of this machine by which
// others reach it.
func ownAddress(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && !ip.IsUnspecified()
}
