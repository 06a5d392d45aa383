package hsm

// Component is one managed piece of hardware. All fields but ID are left out
// when empty, and the views of a list (stateonly and so on) leave out more.
type Component struct {
	ID             string `json:"ID" doc:"xname"`
	Type           string `json:"Type,omitempty" doc:"Type of the component, which follows from its xname"`
	State          string `json:"State,omitempty" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"State of the hardware"`
	Flag           string `json:"Flag,omitempty" enum:"OK,Warning,Alert,Locked" doc:"Whether anything is amiss in this state"`
	Enabled        *bool  `json:"Enabled,omitempty" doc:"Whether the component may be used"`
	SoftwareStatus string `json:"SoftwareStatus,omitempty" doc:"What the managed software says of itself, free text"`
	Role           string `json:"Role,omitempty" doc:"What the component is for, such as Compute"`
	SubRole        string `json:"SubRole,omitempty" doc:"What it is for within its role, such as Worker"`
	NID            *int   `json:"NID,omitempty" doc:"Node ID"`
	Subtype        string `json:"Subtype,omitempty" readOnly:"true" doc:"Finer type, if any"`
	NetType        string `json:"NetType,omitempty" enum:"Sling,Infiniband,Ethernet,OEM,None" doc:"Type of the high-speed network"`
	Arch           string `json:"Arch,omitempty" enum:"X86,ARM,Other,UNKNOWN" doc:"Processor architecture"`
	Class          string `json:"Class,omitempty" enum:"River,Mountain,Hill" doc:"Class of the cabinet's hardware"`

	ReservationDisabled bool `json:"ReservationDisabled,omitempty" readOnly:"true" doc:"Whether reservations are refused"`
	Locked              bool `json:"Locked,omitempty" readOnly:"true" doc:"Whether an administrator holds a lock"`
}

// IsEnabled is Enabled; a component that does not say is enabled.
func (c *Component) IsEnabled() bool { return c.Enabled == nil || *c.Enabled }

// ComponentQuery selects components: POST /State/Components/Query. Values of
// one list are alternatives, the lists must all hold, "!x" is anything but x.
type ComponentQuery struct {
	ComponentIDs   []string `json:"ComponentIDs,omitempty" doc:"xnames; s0 or all stands for everything. With a type they stand for their descendants too"`
	Partition      string   `json:"partition,omitempty" doc:"Only members of the partition"`
	Group          string   `json:"group,omitempty" doc:"Only members of the group"`
	StateOnly      bool     `json:"stateonly,omitempty" doc:"Show only state and flag"`
	FlagOnly       bool     `json:"flagonly,omitempty" doc:"Show only the flag"`
	RoleOnly       bool     `json:"roleonly,omitempty" doc:"Show only role and subrole"`
	NIDOnly        bool     `json:"nidonly,omitempty" doc:"Show only the NID"`
	Type           []string `json:"type,omitempty" doc:"Types"`
	State          []string `json:"state,omitempty" doc:"States"`
	Flag           []string `json:"flag,omitempty" doc:"Flags"`
	Enabled        []string `json:"enabled,omitempty" doc:"true or false"`
	SoftwareStatus []string `json:"softwarestatus,omitempty" doc:"Software statuses"`
	Role           []string `json:"role,omitempty" doc:"Roles"`
	SubRole        []string `json:"subrole,omitempty" doc:"Subroles"`
	Subtype        []string `json:"subtype,omitempty" doc:"Subtypes"`
	Arch           []string `json:"arch,omitempty" doc:"Architectures"`
	Class          []string `json:"class,omitempty" doc:"Classes"`
	NID            []string `json:"nid,omitempty" doc:"NIDs"`
	NIDStart       []string `json:"nid_start,omitempty" doc:"Lower ends of ranges of NIDs, each with the nid_end in the same place"`
	NIDEnd         []string `json:"nid_end,omitempty" doc:"Upper ends of ranges of NIDs"`
}
