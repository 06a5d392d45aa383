package hsm

// Group is a named set of components.
type Group struct {
	Label          string   `json:"label" doc:"Name of the group: lower-case letters, digits, - : . _"`
	Description    string   `json:"description" required:"false" doc:"What it is for"`
	Tags           []string `json:"tags,omitempty" doc:"Words to find it by"`
	ExclusiveGroup string   `json:"exclusiveGroup,omitempty" doc:"A component is in at most one of the groups that share this word"`
	Members        Members  `json:"members" required:"false" doc:"Who is in it"`
}

// Partition is a named part of the system; a component is in at most one.
type Partition struct {
	Name        string   `json:"name" doc:"Name of the partition: pN or pN.N"`
	Description string   `json:"description,omitempty" doc:"What it is for"`
	Tags        []string `json:"tags,omitempty" doc:"Words to find it by"`
	Members     Members  `json:"members" required:"false" doc:"Who is in it"`
}

// Members lists components; the list is never null.
type Members struct {
	IDs []string `json:"ids" required:"false" nullable:"false" doc:"xnames"`
}

// Membership tells where one component belongs.
type Membership struct {
	ID            string   `json:"id" doc:"xname"`
	GroupLabels   []string `json:"groupLabels" nullable:"false" doc:"Groups that it is in"`
	PartitionName string   `json:"partitionName" doc:"Partition that it is in, if any"`
}
