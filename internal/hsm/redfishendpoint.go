package hsm

import "time"

// RedfishEndpoint is a controller that speaks Redfish.
type RedfishEndpoint struct {
	ID                 string `json:"ID" doc:"xname of the controller"`
	Type               string `json:"Type,omitempty" doc:"Type of the controller, which follows from its xname"`
	Name               string `json:"Name,omitempty" doc:"Name for people"`
	Hostname           string `json:"Hostname" required:"false" doc:"Host name, without the domain"`
	Domain             string `json:"Domain" required:"false" doc:"Domain of the host name"`
	FQDN               string `json:"FQDN" required:"false" doc:"Address, if it is not host name and domain; may carry a port"`
	Enabled            *bool  `json:"Enabled,omitempty" doc:"Whether it may be discovered; default true"`
	UUID               string `json:"UUID,omitempty" doc:"UUID of the Redfish service"`
	User               string `json:"User" required:"false" doc:"User name of the account on the controller"`
	Password           string `json:"Password" required:"false" doc:"Password of the account; never shown"`
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
