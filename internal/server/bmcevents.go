package server

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"io"
	"net/http"

	"github.com/drover-hpc/drover/internal/auth"
	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/pcs"
	"github.com/drover-hpc/drover/internal/redfish"
)

const (
	// bmcEventsPath is below which BMCs tell of events: BMC/TOKEN.
	bmcEventsPath = nativePrefix + "/v1/bmc-events/"
	// maxEvent bounds what a BMC tells at once, in bytes.
	maxEvent = 256 << 10
)

// checkBMCEvents refuses a URL that BMCs cannot be given.
func (c *Config) checkBMCEvents() (err error) {
	if c.BMCEvents, err = baseURL("bmc-events", c.BMCEvents, "https://drover.example.org:8443"); err != nil || c.BMCEvents == "" {
		return err
	}
	if c.PCS != "" {
		return fault.New(fault.Invalid, "bmc-events: the PCS at pcs-url looks at power: expected one of the two")
	}
	return nil
}

// bmcEvents is how BMCs tell of changes of power.
type bmcEvents struct {
	below string            // the URL of all of them
	site  func() *auth.Site // whose tokens they show
}

func (s *Server) newBMCEvents() *bmcEvents {
	secret := make([]byte, auth.SiteSecretBytes)
	rand.Read(secret) //nolint:errcheck // it never fails
	own := auth.NewSite(secret)
	return &bmcEvents{below: s.config.BMCEvents + bmcEventsPath, site: func() *auth.Site {
		return cmp.Or(s.site.Load(), own) // nobody else may be asked for a token
	}}
}

// subscription is by what the BMC tells.
func (e *bmcEvents) subscription(bmc string) redfish.Subscription {
	return redfish.Subscription{Destination: e.below + bmc + "/" + e.site().EventToken(bmc), Below: e.below, Context: bmc}
}

// handTo hands what BMCs tell to PCS.
func (e *bmcEvents) handTo(power *pcs.Service, mux *http.ServeMux) {
	mux.HandleFunc("POST "+bmcEventsPath+"{bmc}/{token}", func(w http.ResponseWriter, r *http.Request) {
		bmc := r.PathValue("bmc")
		if subtle.ConstantTimeCompare([]byte(r.PathValue("token")), []byte(e.site().EventToken(bmc))) != 1 {
			httpapi.WriteProblem(w, fault.New(fault.Forbidden, "the URL was not given to a BMC %q by this server: subscribe to its events again", bmc))
			return
		}
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
		if err != nil {
			err = fault.New(fault.Invalid, "body: expected an event of Redfish of at most %d bytes: %w", maxEvent, err)
		} else {
			err = power.Heard(bmc, text)
		}
		if err != nil {
			httpapi.WriteProblem(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
