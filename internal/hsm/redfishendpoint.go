package hsm

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/redfish"
	"github.com/drover-hpc/drover/internal/xname"
)

// RedfishEndpoint is a controller that speaks Redfish.
type RedfishEndpoint struct {
	ID                 string `json:"ID" doc:"xname of the controller"`
	Type               string `json:"Type,omitempty" doc:"Type of the controller, which follows from its xname"`
	Name               string `json:"Name,omitempty" doc:"Name for people"`
	Hostname           string `json:"Hostname" required:"false" doc:"Host name, without the domain"`
	Domain             string `json:"Domain" required:"false" doc:"Domain of the host name"`
	FQDN               string `json:"FQDN" required:"false" doc:"Address, if it is not host name and domain; may carry a port, and https:// or http://"`
	Enabled            *bool  `json:"Enabled,omitempty" doc:"Whether it may be discovered; default true"`
	UUID               string `json:"UUID,omitempty" doc:"UUID of the Redfish service"`
	User               string `json:"User" required:"false" doc:"User name of the account on the controller"`
	Password           string `json:"Password" required:"false" doc:"Password of the account; never shown"`
	CertificateSHA256  string `json:"CertificateSHA256,omitempty" doc:"SHA-256 of the controller's certificate, in hexadecimal: it is known by that alone, not by an authority; not of the published interface"`
	UseSSDP            bool   `json:"UseSSDP,omitempty" doc:"Kept for clients; not used"`
	MACRequired        bool   `json:"MacRequired,omitempty" doc:"Kept for clients; not used"`
	MACAddr            string `json:"MACAddr,omitempty" doc:"MAC address of the controller"`
	IPAddress          string `json:"IPAddress,omitempty" doc:"IP address of the controller, the address when there is no host name"`
	RediscoverOnUpdate bool   `json:"RediscoverOnUpdate" required:"false" doc:"Whether adding or changing it discovers it"`
	TemplateID         string `json:"TemplateID,omitempty" doc:"Kept for clients; not used"`

	DiscoveryInfo DiscoveryInfo `json:"DiscoveryInfo" readOnly:"true" required:"false" doc:"How discovery went"`
}

// DiscoveryInfo is how the last discovery of an endpoint went.
type DiscoveryInfo struct {
	LastAttempt    *time.Time `json:"LastDiscoveryAttempt,omitempty" doc:"When it was last asked for"`
	LastStatus     string     `json:"LastDiscoveryStatus" doc:"DiscoverOK, or where it stands or failed"`
	RedfishVersion string     `json:"RedfishVersion,omitempty" doc:"Version of Redfish that the controller speaks"`
	LastError      string     `json:"LastDiscoveryError,omitempty" doc:"Why it failed: status, resource and the controller's words; not of the published interface"`
	Problems       []string   `json:"Problems,omitempty" doc:"What could not be read though discovery went well; not of the published interface"`
}

// The statuses of discovery that occur.
const (
	NotYetQueried           = "NotYetQueried"
	DiscoveryStarted        = "DiscoveryStarted"
	HTTPsGetFailed          = "HTTPsGetFailed"
	EPResponseFailedDecode  = "EPResponseFailedDecode"
	ChildVerificationFailed = "ChildVerificationFailed"
	DiscoverOK              = "DiscoverOK"
	EndpointNotEnabled      = "EndpointNotEnabled"
)

// discoveryStatuses are all statuses that the interface has.
var discoveryStatuses = []string{NotYetQueried, DiscoveryStarted, HTTPsGetFailed, "HTTPsGetOk", EPResponseFailedDecode, "VerifyingData",
	ChildVerificationFailed, "VerificationFailed", DiscoverOK, "EndpointInvalid", "EndpointTypeNotSupported", EndpointNotEnabled,
	"StoreFailed", "UnexpectedErrorPreStore"}

// controllers are the types of component that can be a Redfish endpoint.
var controllers = []xname.Type{xname.NodeBMC, xname.ChassisBMC, xname.RouterBMC, xname.PDUController,
	xname.MgmtSwitch, xname.HLSwitch, xname.CDUMgmtSwitch}

// endpoint is the record of a Redfish endpoint, without its login.
type endpoint struct {
	RedfishEndpoint
	// Walk counts the discoveries asked for. A walk that ends after another
	// was asked for has seen the past.
	Walk int `json:"walk"`
}

// credential is the login of a controller.
type credential struct {
	Xname    string `json:"Xname"`
	Username string `json:"Username"`
	Password string `json:"Password"`
	// Fingerprint is the endpoint's CertificateSHA256.
	Fingerprint string `json:"Fingerprint,omitempty"`
}

func (c *credential) login() redfish.Login {
	return redfish.Login{Username: c.Username, Password: c.Password, Fingerprint: c.Fingerprint}
}

// settle finds the endpoint's xname and address and checks them.
func (e *RedfishEndpoint) settle() error {
	id := e.ID
	if err := e.settleAddress(); err != nil {
		return err
	}
	for _, other := range []string{e.Hostname, redfish.Host(e.FQDN)} {
		if id == "" {
			id = other
		}
	}
	if id == "" {
		return fault.New(fault.Invalid, "Missing ID")
	}
	e.ID = xname.Normalize(id)
	typ := xname.TypeOf(e.ID)
	if typ == xname.Invalid {
		return invalidXname(id)
	}
	if !slices.Contains(controllers, typ) {
		return fault.New(fault.Invalid, "'%s' is a %s, which is no type of Redfish endpoint", e.ID, typ)
	}
	e.Type = string(typ)
	if err := e.checkAddresses(); err != nil {
		return err
	}
	var err error
	if e.CertificateSHA256, err = redfish.ParseFingerprint(e.CertificateSHA256); err != nil {
		return fault.New(fault.Invalid, "%s: CertificateSHA256: %w", e.ID, err)
	}
	if err := e.resolveName(); err != nil {
		return err
	}
	if e.FQDN == "" {
		e.FQDN = e.IPAddress
	}
	if e.FQDN == "" {
		e.FQDN = e.ID // names resolve in a system's own DNS
	}
	if e.Enabled == nil {
		e.Enabled = new(bool)
		*e.Enabled = true
	}
	return nil
}

// resolveName finds the full name; host name, domain and full name must agree.
func (e *RedfishEndpoint) resolveName() error {
	e.Hostname, e.Domain = strings.Trim(e.Hostname, ". "), strings.Trim(e.Domain, ". ")
	if e.Hostname == "" {
		return nil
	}
	host := e.Hostname
	isIP := net.ParseIP(host) != nil
	if e.Domain != "" && !isIP {
		host += "." + e.Domain
	}
	if e.FQDN == "" {
		e.FQDN = host
	}
	given := redfish.Host(e.FQDN)
	if h, _, err := net.SplitHostPort(given); err == nil {
		given = h
	}
	basename, _, _ := strings.Cut(given, ".")
	switch {
	case isIP && e.IPAddress != "" && e.IPAddress != host:
		return fault.New(fault.Invalid, "%s: Hostname '%s' conflicts with IPAddress '%s'", e.ID, host, e.IPAddress)
	case strings.EqualFold(given, host) || e.Domain == "" && strings.EqualFold(basename, host):
		return nil
	}
	return fault.New(fault.Invalid, "%s: Hostname and Domain, which are '%s', conflict with FQDN '%s'", e.ID, host, e.FQDN)
}

// checkAddresses refuses a MAC or an IP address that is none.
func (e *RedfishEndpoint) checkAddresses() error {
	if _, ok := colons(e.MACAddr); e.MACAddr != "" && !ok {
		return fault.New(fault.Invalid, "%s: MACAddr '%s' is no MAC address", e.ID, e.MACAddr)
	}
	if e.IPAddress != "" {
		ip := net.ParseIP(e.IPAddress)
		if ip == nil {
			return fault.New(fault.Invalid, "%s: IPAddress '%s' is no IP address", e.ID, e.IPAddress)
		}
		e.IPAddress = ip.String()
	}
	return nil
}

// settleAddress checks the FQDN, which may say by a scheme how to speak to it.
func (e *RedfishEndpoint) settleAddress() error {
	host := strings.TrimSuffix(redfish.Host(e.FQDN), "/")
	scheme := strings.ToLower(strings.TrimSuffix(e.FQDN, redfish.Host(e.FQDN)))
	if scheme != "" && scheme != "https://" && scheme != "http://" || strings.Contains(host, "/") || scheme != "" && host == "" {
		return fault.New(fault.Invalid, "FQDN is '%s', expected a host, with or without port, with nothing before it or https:// or http://", e.FQDN)
	}
	e.FQDN = scheme + host
	for _, f := range []struct{ field, text string }{{"FQDN", host}, {"Hostname", e.Hostname}, {"Domain", e.Domain}} {
		if !hostName.MatchString(f.text) {
			return fault.New(fault.Invalid, "%s is %.80q, expected a host name or an address, 253 characters at most", f.field, f.text)
		}
	}
	return nil
}

// hostName is what can be a name or an address, with a port; none is none.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_.:\[\]% -]{0,253}$`)

// ask makes a discovery of the endpoint wanted and tells whether that changed
// anything: one that is under way goes on unless forced to start again.
func (e *endpoint) ask(now time.Time, force bool) bool {
	switch {
	case !*e.Enabled:
		e.DiscoveryInfo.LastStatus = EndpointNotEnabled
		return true
	case e.DiscoveryInfo.LastStatus == DiscoveryStarted && !force:
		return false
	}
	now = now.UTC()
	e.DiscoveryInfo.LastAttempt, e.DiscoveryInfo.LastStatus = &now, DiscoveryStarted
	e.DiscoveryInfo.LastError, e.DiscoveryInfo.Problems = "", nil
	e.Walk++
	return true
}
