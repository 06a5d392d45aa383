package hsm

import "time"

type componentArray struct {
	Components []Component `json:"Components" nullable:"false"`
}

type stateData struct {
	State string `json:"State" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"New state"`
	Flag  string `json:"Flag,omitempty" enum:"OK,Warning,Alert,Locked" doc:"New flag; default OK"`
	Force bool   `json:"Force,omitempty" doc:"Set it even if the present state does not allow it"`
}

type bulkStateData struct {
	ComponentIDs []string `json:"ComponentIDs" doc:"xnames"`
	stateData
}

type lockStatuses struct {
	Components []LockStatus `json:"Components" nullable:"false"`
	NotFound   []string     `json:"NotFound,omitempty" doc:"xnames that are no components"`
}

// LockStatus is how a component is locked and reserved.
type LockStatus struct {
	ID                  string     `json:"ID" doc:"xname"`
	Locked              bool       `json:"Locked" doc:"Whether an administrator holds a lock"`
	Reserved            bool       `json:"Reserved" doc:"Whether someone holds a reservation"`
	CreationTime        *time.Time `json:"CreationTime,omitempty" doc:"When the reservation was made"`
	ExpirationTime      *time.Time `json:"ExpirationTime,omitempty" doc:"When it ends by itself"`
	ReservationDisabled bool       `json:"ReservationDisabled" doc:"Whether reservations are refused"`
}

type componentEndpointArray struct {
	ComponentEndpoints []ComponentEndpoint `json:"ComponentEndpoints" nullable:"false"`
}

type redfishEndpointArray struct {
	RedfishEndpoints []RedfishEndpoint `json:"RedfishEndpoints" nullable:"false"`
}

type discoverRequest struct {
	Xnames []string `json:"xnames,omitempty" doc:"Controllers to discover; none means all"`
	Force  bool     `json:"force,omitempty" doc:"Start again where a discovery is under way"`
}
