package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/drover-hpc/drover/internal/admission"
	"github.com/drover-hpc/drover/internal/bos"
	"github.com/drover-hpc/drover/internal/bss"
	"github.com/drover-hpc/drover/internal/capmc"
	"github.com/drover-hpc/drover/internal/certs"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/ims"
	"github.com/drover-hpc/drover/internal/ims/imagejob"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/s3"
	"github.com/drover-hpc/drover/internal/tapms"
	"github.com/drover-hpc/drover/internal/vcs"
)

// The paths that the gateway gives the services.
const (
	hsmPrefix   = "/apis/smd/hsm/v2"
	pcsPrefix   = "/apis/power-control"
	bssPrefix   = "/apis/bss"
	imsPrefix   = "/apis/ims"
	tapmsPrefix = "/apis/tapms"
	bosPrefix   = "/apis/bos"
	cfsPrefix   = "/apis/cfs"
	capmcPrefix = "/apis/capmc/capmc"
)

const (
	// bmcConnections bounds the requests to BMCs at any time.
	bmcConnections = 512
	// simulatedShare is the part of this process's files that connections kept to
	// simulated BMCs may be: each takes two, for its ends are both here.
	simulatedShare = 8
)

// platform is the services that BOS and CFS stand on, as their clients.
type platform struct {
	hsm        *hsm.Client
	pcs        *pcs.Client
	bss        *bss.Client
	ims        *ims.Client
	tapms      *tapms.Client
	objects    *s3.Client
	s3         *s3.Server // nil: it is elsewhere
	s3Endpoint string     // where clients reach the object store
	s3Local    string     // where this process and its jobs do
	s3Nodes    string     // where nodes do, as seen from this machine
	// s3Credentials are those of the store. Some that end are given by s3Sessions, or,
	// if that is nil, by the external store itself.
	s3Credentials s3.Credentials
	s3Sessions    *s3.Sessions
	s3Roles       s3.Roles
	// presigner makes URLs that nodes can fetch.
	presigner *s3.Client
	consoles  consoles
	// addresses know the nodes by IP address; nil with an external BSS.
	addresses bos.Addresses
	// boot knows nodes by the tokens of their boots; nil with an external BSS.
	boot *bss.Service
	// hardware and power are the services of this process; nil: they are elsewhere.
	hardware *hsm.Service
	power    *pcs.Service
	// repositories are those that this server keeps.
	repositories *vcs.Service
}

func (s *Server) startPlatform(ctx context.Context) error {
	c := &s.config
	p := &s.platform
	s.checkExternals(ctx)
	p.hsm = hsm.NewClient(s.client("HSM", hsmPrefix, c.HSM))
	p.pcs = pcs.NewClient(s.client("PCS", pcsPrefix, c.PCS))
	p.bss = bss.NewClient(s.client("BSS", bssPrefix, c.BSS))
	p.ims = ims.NewClient(s.client("IMS", imsPrefix, c.IMS))
	p.tapms = tapms.NewClient(s.client("TAPMS", tapmsPrefix, c.TAPMS))
	if err := s.startS3(ctx); err != nil {
		return err
	}
	if err := s.startHardware(ctx); err != nil {
		return err
	}
	if err := s.startCAPMC(ctx); err != nil {
		return err
	}
	if c.BSS == "" {
		s.startBSS(ctx)
	}
	if c.IMS == "" {
		if err := s.startIMS(ctx); err != nil {
			return err
		}
	}
	if err := s.startRepositories(ctx); err != nil {
		return err
	}
	if err := s.passToExternals(); err != nil {
		return err
	}
	if c.TAPMS == "" {
		tapms.Register(s.api(tapmsPrefix, "TAPMS"), tapms.NewService(s.db, s.now))
	}
	return nil
}

// startHardware starts the embedded services of hardware and of its power, as
// far as they are not elsewhere.
func (s *Server) startHardware(ctx context.Context) error {
	c, p := &s.config, &s.platform
	bmcs := redfish.New(bmcConnections)
	bmcs.Guard(s.may)
	bmcs.Know(redfish.Certificates{Authorities: c.TLS.trust, Any: c.TLS.BMCs == bmcAny})
	if c.Simulate > 0 {
		bmcs.Keep(admission.OpenFiles() / simulatedShare)
	}
	s.onStop(bmcs.Close)
	s.measureBMCs(bmcs)
	hardware := hsm.NewService(s.db, s.journal, bmcs, s.now)
	if err := hardware.AddRoles(c.Roles, c.SubRoles); err != nil {
		return fmt.Errorf("hsm-roles, hsm-subroles: %w", err)
	}
	p.consoles = consoles{inventory: p.hsm, credentials: hardware, bmcs: bmcs}
	if c.HSM == "" {
		p.hardware = hardware
		hsm.Register(s.api(hsmPrefix, "HSM"), hardware)
		s.measureHSM(hardware)
		hardware.Start(ctx)
		s.onStop(hardware.Stop)
	}
	if c.PCS == "" {
		settings := pcs.Config{DB: s.db, Journal: s.journal, Hub: s.hub, Inventory: p.hsm, Credentials: hardware,
			BMC: bmcs, State: p.hsm, Locks: p.hsm, Roles: p.hsm, WakeOn: []string{hsm.ComponentEndpointsTable}, PollEvery: c.PollPower, KeepSize: c.TransitionsSize << 20, Now: s.now}
		told := s.newBMCEvents()
		if c.BMCEvents != "" {
			settings.Teller, settings.Subscriptions = bmcs, told.subscription
		}
		power := pcs.NewService(settings)
		told.handTo(power, s.mux)
		p.power = power
		pcs.Register(s.api(pcsPrefix, "PCS"), power)
		s.measurePCS(power)
		if err := power.Start(ctx); err != nil {
			return err
		}
		s.onStop(power.Stop)
	}
	return nil
}

// startBSS starts the embedded service of boot scripts.
func (s *Server) startBSS(ctx context.Context) {
	c, p := &s.config, &s.platform
	boot := bss.NewService(bss.Config{DB: s.db, Journal: s.journal, Hub: s.hub, Inventory: p.hsm, Presigner: p.presigner,
		ChainBase: s.nodeURL() + bssPrefix, CloudInitBase: s.nodeURL() + bssPrefix, RetrySleep: c.BootRetry, Now: s.now,
		WakeOn: []string{hsm.ComponentsTable, hsm.ComponentEndpointsTable, hsm.EthernetInterfacesTable}})
	bss.Register(s.api(bssPrefix, "BSS"), boot)
	p.addresses, p.boot = boot, boot
	boot.Start(ctx)
	s.onStop(boot.Stop)
}

// imagesRunner is what runs image jobs: local child processes, or privileged Jobs.
func (s *Server) imagesRunner() (*imagejob.Runner, error) {
	dir := s.path(ofImages)
	if s.config.Kubernetes.ImageJobs != "" {
		return s.kubernetesImages(dir)
	}
	p := &s.platform
	return imagejob.NewRunner(imagejob.Config{Dir: dir, Succession: s.succession(), Credentials: s.imageJobCredentials, Settings: imagejob.Settings{
		Endpoint: p.s3Local, CABundle: s.config.TLS.Bundle, Host: s.config.ShellHost, Cache: filepath.Join(s.config.Data, "image-cache"), OrphanTimeout: s.config.JobOrphan}})
}

// startIMS starts the embedded image service with what runs its jobs, in a
// program of their own.
func (s *Server) startIMS(ctx context.Context) error {
	p := &s.platform
	runner, err := s.imagesRunner()
	if err != nil {
		return err
	}
	if err := s.openJobs(ofImages, runner); err != nil {
		return err
	}
	images := ims.NewService(ims.Config{DB: s.db, Objects: imageObjects{p.objects}, Hub: s.hub, Runner: runner, Now: s.now})
	ims.Register(s.api(imsPrefix, "IMS"), images)
	images.Start(context.WithoutCancel(ctx))
	s.onStop(images.Stop)
	return nil
}

// startCAPMC starts the face of CAPMC on PCS and HSM, whichever those are.
func (s *Server) startCAPMC(ctx context.Context) error {
	face := capmc.NewService(capmc.Config{DB: s.db, Hardware: s.platform.hsm, Power: s.platform.pcs, Now: s.now})
	capmc.Register(s.api(capmcPrefix+"/v1", "CAPMC"), face)
	if err := face.Start(ctx); err != nil {
		return err
	}
	s.onStop(face.Stop)
	return nil
}

// startS3 starts the embedded object store, or takes the external one.
func (s *Server) startS3(ctx context.Context) error {
	c := &s.config
	p := &s.platform
	creds := s3.Credentials{AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey}
	p.s3Local, p.s3Endpoint = c.S3Endpoint, c.S3Endpoint
	if c.S3Endpoint == "" {
		var err error
		if creds, err = s.s3Credentials(ctx, creds); err != nil {
			return err
		}
		if err := s.startOwnS3(ctx, creds); err != nil {
			return err
		}
	}
	p.s3Credentials = creds
	if c.S3Endpoint == "" {
		p.s3Sessions = s3.NewSessions(creds, s.now)
	} else {
		s.useExternalS3()
	}
	var err error
	if p.objects, err = s3.NewClientOver(p.s3Local, creds, func(t *http.Transport) http.RoundTripper { return s.leading(certs.Trust(t, c.TLS.trust)) }); err != nil {
		return err
	}
	if p.presigner, err = s3.NewClient(s.nodeS3(), creds); err != nil {
		return err
	}
	s.mux.HandleFunc("PUT /apis/sts/token", s.giveCredentials)
	err = p.objects.EnsureBuckets(ctx, imageBuckets...)
	if err != nil && c.S3Endpoint != "" {
		return fmt.Errorf("s3-endpoint: %w", err)
	}
	return err
}

// s3Key is the name of the object store's keys among the site's secrets.
const s3Key = "s3/credentials"

// s3Credentials are those given, or those of the site, made at the first start.
func (s *Server) s3Credentials(ctx context.Context, given s3.Credentials) (c s3.Credentials, err error) {
	if given.AccessKey != "" && given.SecretKey != "" {
		return given, nil
	}
	if err := s.sealS3Credentials(ctx); err != nil {
		return c, fmt.Errorf("S3 credentials: %w", err)
	}
	kept, err := s.secrets().Get(ctx, s3Key)
	if fault.Is(err, fault.NotFound) {
		made, _ := json.Marshal(s3.Credentials{AccessKey: "drover", SecretKey: rand.Text()}) // two strings always encode
		kept = secret{Name: s3Key, Value: made}
		err = s.secrets().Put(ctx, kept)
	}
	if err == nil {
		err = json.Unmarshal(kept.Value, &c)
	}
	if err != nil {
		return c, fmt.Errorf("S3 credentials: %w", err)
	}
	return c, nil
}

// sealS3Credentials has the database keep what versions before kept in a file.
func (s *Server) sealS3Credentials(ctx context.Context) error {
	file := filepath.Join(s.config.Data, "s3-credentials.json")
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s3.Credentials{}); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if err := s.secrets().Put(ctx, secret{Name: s3Key, Value: data}); err != nil {
		return err
	}
	return os.Remove(file)
}
