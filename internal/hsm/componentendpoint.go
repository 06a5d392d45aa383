package hsm

// ComponentEndpoint is how Redfish sees a component: where it is and what it
// can do.
type ComponentEndpoint struct {
	ID                    string `json:"ID" doc:"xname"`
	Type                  string `json:"Type,omitempty" doc:"Type of the component"`
	Domain                string `json:"Domain,omitempty" doc:"Domain of its name"`
	FQDN                  string `json:"FQDN,omitempty" doc:"Its own address, if it has one"`
	RedfishType           string `json:"RedfishType" doc:"Type of the Redfish resource, such as ComputerSystem"`
	RedfishSubtype        string `json:"RedfishSubtype,omitempty" doc:"Finer type, such as Physical"`
	MACAddr               string `json:"MACAddr,omitempty" doc:"MAC address of the interface that it boots from"`
	UUID                  string `json:"UUID,omitempty" doc:"UUID of the resource"`
	OdataID               string `json:"OdataID" doc:"Path of the resource"`
	RedfishEndpointID     string `json:"RedfishEndpointID" doc:"xname of the controller"`
	Enabled               bool   `json:"Enabled" doc:"Whether it may be used"`
	RedfishEndpointFQDN   string `json:"RedfishEndpointFQDN" doc:"Address of the controller"`
	RedfishURL            string `json:"RedfishURL" doc:"Address and path of the resource, without scheme"`
	ComponentEndpointType string `json:"ComponentEndpointType" enum:"ComponentEndpointChassis,ComponentEndpointComputerSystem,ComponentEndpointManager,ComponentEndpointPowerDistribution,ComponentEndpointOutlet" doc:"Which of the infos below is there"`

	RedfishSystemInfo  *RedfishSystemInfo  `json:"RedfishSystemInfo,omitempty" doc:"Of a ComputerSystem"`
	RedfishChassisInfo *RedfishChassisInfo `json:"RedfishChassisInfo,omitempty" doc:"Of a Chassis"`
	RedfishManagerInfo *RedfishManagerInfo `json:"RedfishManagerInfo,omitempty" doc:"Of a Manager"`
}

// RedfishSystemInfo is what a ComputerSystem offers.
type RedfishSystemInfo struct {
	Name            string            `json:"Name,omitempty"`
	Actions         *SystemActions    `json:"Actions,omitempty"`
	EthernetNICInfo []EthernetNICInfo `json:"EthernetNICInfo,omitempty"`
}

// RedfishChassisInfo is what a Chassis offers.
type RedfishChassisInfo struct {
	Name    string          `json:"Name,omitempty"`
	Actions *ChassisActions `json:"Actions,omitempty"`
}

// RedfishManagerInfo is what a Manager offers.
type RedfishManagerInfo struct {
	Name            string            `json:"Name,omitempty"`
	Actions         *ManagerActions   `json:"Actions,omitempty"`
	EthernetNICInfo []EthernetNICInfo `json:"EthernetNICInfo,omitempty"`
}

// SystemActions are the actions of a ComputerSystem.
type SystemActions struct {
	Reset ResetAction `json:"#ComputerSystem.Reset"`
}

// ChassisActions are the actions of a Chassis.
type ChassisActions struct {
	Reset ResetAction `json:"#Chassis.Reset"`
}

// ManagerActions are the actions of a Manager.
type ManagerActions struct {
	Reset ResetAction `json:"#Manager.Reset"`
}

// ResetAction is where to ask for a reset and which resets there are.
type ResetAction struct {
	AllowableValues []string `json:"ResetType@Redfish.AllowableValues" nullable:"false" doc:"Types of reset"`
	Target          string   `json:"target" doc:"Path to POST to"`
}

// EthernetNICInfo is an Ethernet interface as Redfish lists it.
type EthernetNICInfo struct {
	RedfishID   string `json:"RedfishId" doc:"ID of the resource"`
	OdataID     string `json:"@odata.id" doc:"Path of the resource"`
	Description string `json:"Description,omitempty" doc:"What it is for"`
	MACAddress  string `json:"MACAddress,omitempty" doc:"MAC address"`
}

// Reset is the reset action of whatever the component is; ok is false if it
// has none.
func (e *ComponentEndpoint) Reset() (a ResetAction, ok bool) {
	switch {
	case e.RedfishSystemInfo != nil && e.RedfishSystemInfo.Actions != nil:
		a = e.RedfishSystemInfo.Actions.Reset
	case e.RedfishChassisInfo != nil && e.RedfishChassisInfo.Actions != nil:
		a = e.RedfishChassisInfo.Actions.Reset
	case e.RedfishManagerInfo != nil && e.RedfishManagerInfo.Actions != nil:
		a = e.RedfishManagerInfo.Actions.Reset
	}
	return a, a.Target != ""
}
