package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

const groupTag = "Group"

type (
	listGroupsInput struct {
		Given
		Group     string `query:"group" doc:"Label; may repeat"`
		Tag       string `query:"tag" doc:"Tag; may repeat"`
		Partition string `query:"partition" hidden:"true" doc:"Show only members in the partition"`
	}
	groupInput struct {
		Given
		Label     string `path:"group_label" doc:"Label of the group"`
		Partition string `query:"partition" doc:"Show only members in the partition; NULL for those of none"`
	}
	createGroupInput struct{ Body Group }
	patchGroupInput  struct {
		Label string `path:"group_label" doc:"Label of the group"`
		Body  textPatch
	}
	// textPatch is what can be changed of a group or partition.
	textPatch struct {
		Description *string   `json:"description,omitempty" doc:"What it is for"`
		Tags        *[]string `json:"tags,omitempty" doc:"Words to find it by"`
	}
	addGroupMemberInput struct {
		Label string `path:"group_label" doc:"Label of the group"`
		Body  memberID
	}
	memberID struct {
		ID string `json:"id" doc:"xname of the component"`
	}
	groupMemberInput struct {
		Label string `path:"group_label" doc:"Label of the group"`
		Xname string `path:"xname_id" doc:"xname of the member"`
	}
	setGroupMembersInput struct {
		Label string `path:"group_label" doc:"Label of the group"`
		Body  struct {
			Group string   `json:"group,omitempty" doc:"Label of the group, as in the path"`
			IDs   []string `json:"ids" doc:"xnames of all its members"`
		}
	}
	groupsOutput  struct{ Body []Group }
	groupOutput   struct{ Body Group }
	membersOutput struct{ Body Members }
	namesOutput   struct{ Body []string }

	listMembershipsInput struct {
		ID string `query:"id" doc:"xname"`
		FilterParams
	}
	membershipsOutput struct{ Body []Membership }
	membershipOutput  struct{ Body Membership }
)

func registerGroups(api huma.API, s *Service) {
	const path = "/groups"
	httpapi.Handle(api, operation("list-groups", http.MethodGet, path, "List groups", groupTag),
		func(ctx context.Context, in *listGroupsInput) (*groupsOutput, error) {
			p := in.parameters()
			all, err := s.Groups(ctx, p["group"], p["tag"], p["partition"])
			return &groupsOutput{all}, err
		})
	httpapi.Handle(api, answering(operation("create-group", http.MethodPost, path, "Create a group", groupTag), http.StatusCreated),
		func(ctx context.Context, in *createGroupInput) (*createdOutput, error) {
			label, err := s.CreateGroup(ctx, in.Body)
			return created(path + "/" + label), err
		})
	httpapi.Handle(api, operation("list-group-labels", http.MethodGet, path+"/labels", "List the labels of groups", groupTag),
		func(ctx context.Context, _ *nothing) (*namesOutput, error) {
			all, err := s.Groups(ctx, nil, nil, nil)
			out := &namesOutput{make([]string, len(all))}
			for i := range all {
				out.Body[i] = all[i].Label
			}
			return out, err
		})
	httpapi.Handle(api, operation("get-group", http.MethodGet, path+"/{group_label}", "Describe a group", groupTag),
		func(ctx context.Context, in *groupInput) (*groupOutput, error) {
			g, err := s.Group(ctx, in.Label, in.parameters()["partition"])
			return &groupOutput{g}, err
		})
	httpapi.Handle(api, operation("delete-group", http.MethodDelete, path+"/{group_label}", "Delete a group", groupTag),
		func(ctx context.Context, in *struct {
			Label string `path:"group_label" doc:"Label of the group"`
		}) (*messageOutput, error) {
			return deleted(1, s.DeleteGroup(ctx, in.Label), nil)
		})
	httpapi.Handle(api, answering(operation("patch-group", http.MethodPatch, path+"/{group_label}", "Change description or tags of a group", groupTag), http.StatusNoContent),
		func(ctx context.Context, in *patchGroupInput) (*nothing, error) {
			return nil, s.PatchGroup(ctx, in.Label, in.Body.Description, in.Body.Tags)
		})
	registerGroupMembers(api, s, path+"/{group_label}/members")
	registerMemberships(api, s)
}

func registerGroupMembers(api huma.API, s *Service, path string) {
	httpapi.Handle(api, operation("list-group-members", http.MethodGet, path, "List the members of a group", groupTag),
		func(ctx context.Context, in *groupInput) (*membersOutput, error) {
			g, err := s.Group(ctx, in.Label, in.parameters()["partition"])
			return &membersOutput{g.Members}, err
		})
	httpapi.Handle(api, answering(operation("create-group-member", http.MethodPost, path, "Add a component to a group", groupTag), http.StatusCreated),
		func(ctx context.Context, in *addGroupMemberInput) (*createdOutput, error) {
			path, err := s.AddGroupMember(ctx, in.Label, in.Body.ID)
			return created(path), err
		})
	httpapi.Handle(api, answering(operation("put-group-members", http.MethodPut, path, "Replace the members of a group", groupTag, "cli_ignore"), http.StatusNoContent),
		func(ctx context.Context, in *setGroupMembersInput) (*nothing, error) {
			switch {
			case in.Body.IDs == nil:
				return nil, errMissingIDs
			case in.Body.Group != "" && lowered(in.Body.Group) != lowered(in.Label):
				return nil, fault.New(fault.Invalid, "group is '%s', the path says '%s'", in.Body.Group, in.Label)
			}
			return nil, s.SetGroupMembers(ctx, in.Label, in.Body.IDs)
		})
	httpapi.Handle(api, operation("delete-group-member", http.MethodDelete, path+"/{xname_id}", "Remove a component from a group", groupTag),
		func(ctx context.Context, in *groupMemberInput) (*messageOutput, error) {
			return deleted(1, s.RemoveGroupMember(ctx, in.Label, in.Xname), nil)
		})
}

func registerMemberships(api huma.API, s *Service) {
	const tag = "Membership"
	httpapi.Handle(api, operation("list-memberships", http.MethodGet, "/memberships", "List where components belong", tag),
		func(ctx context.Context, in *listMembershipsInput) (*membershipsOutput, error) {
			all, err := s.Memberships(ctx, in.parameters())
			return &membershipsOutput{all}, err
		})
	httpapi.Handle(api, operation("get-membership", http.MethodGet, "/memberships/{xname}", "Tell where a component belongs", tag),
		func(ctx context.Context, in *xnameInput) (*membershipOutput, error) {
			m, err := s.Membership(ctx, in.Xname)
			return &membershipOutput{m}, err
		})
}
