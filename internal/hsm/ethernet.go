package hsm

import (
	"slices"
	"time"
)

// EthernetInterface is a MAC address, whose it is and which IP addresses it has.
type EthernetInterface struct {
	ID          string      `json:"ID" readOnly:"true" required:"false" doc:"The MAC address without separators"`
	Description string      `json:"Description" required:"false" doc:"What it is"`
	MACAddress  string      `json:"MACAddress" doc:"MAC address"`
	LastUpdate  time.Time   `json:"LastUpdate" readOnly:"true" required:"false" doc:"When it last changed"`
	ComponentID string      `json:"ComponentID" required:"false" doc:"xname of the component that has it"`
	Type        string      `json:"Type" required:"false" readOnly:"true" doc:"Type of the component"`
	IPAddresses []IPAddress `json:"IPAddresses" required:"false" nullable:"false" doc:"Its IP addresses"`
}

// same tells whether the interface says the same as other, whenever that was.
func (e *EthernetInterface) same(other *EthernetInterface) bool {
	return e.Description == other.Description && e.ComponentID == other.ComponentID && e.Type == other.Type &&
		slices.Equal(e.IPAddresses, other.IPAddresses)
}

// IPAddress is an address in a network.
type IPAddress struct {
	IPAddress string `json:"IPAddress" doc:"IP address"`
	Network   string `json:"Network,omitempty" doc:"Name of the network"`
}
