package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

const partitionTag = "Partition"

type (
	listPartitionsInput struct {
		Given
		Partition string `query:"partition" doc:"Name; may repeat"`
		Tag       string `query:"tag" doc:"Tag; may repeat"`
	}
	partitionInput struct {
		Name string `path:"partition_name" doc:"Name of the partition"`
	}
	createPartitionInput struct{ Body Partition }
	patchPartitionInput  struct {
		Name string `path:"partition_name" doc:"Name of the partition"`
		Body textPatch
	}
	addPartitionMemberInput struct {
		Name string `path:"partition_name" doc:"Name of the partition"`
		Body memberID
	}
	partitionMemberInput struct {
		Name  string `path:"partition_name" doc:"Name of the partition"`
		Xname string `path:"xname_id" doc:"xname of the member"`
	}
	partitionsOutput struct{ Body []Partition }
	partitionOutput  struct{ Body Partition }
)

func registerPartitions(api huma.API, s *Service) {
	const path = "/partitions"
	httpapi.Handle(api, operation("list-partitions", http.MethodGet, path, "List partitions", partitionTag),
		func(ctx context.Context, in *listPartitionsInput) (*partitionsOutput, error) {
			p := in.parameters()
			all, err := s.Partitions(ctx, p["partition"], p["tag"])
			return &partitionsOutput{all}, err
		})
	httpapi.Handle(api, answering(operation("create-partition", http.MethodPost, path, "Create a partition", partitionTag), http.StatusCreated),
		func(ctx context.Context, in *createPartitionInput) (*createdOutput, error) {
			name, err := s.CreatePartition(ctx, in.Body)
			return created(path + "/" + name), err
		})
	httpapi.Handle(api, operation("list-partition-names", http.MethodGet, path+"/names", "List the names of partitions", partitionTag),
		func(ctx context.Context, _ *nothing) (*namesOutput, error) {
			all, err := s.Partitions(ctx, nil, nil)
			out := &namesOutput{make([]string, len(all))}
			for i := range all {
				out.Body[i] = all[i].Name
			}
			return out, err
		})
	httpapi.Handle(api, operation("get-partition", http.MethodGet, path+"/{partition_name}", "Describe a partition", partitionTag),
		func(ctx context.Context, in *partitionInput) (*partitionOutput, error) {
			p, err := s.Partition(ctx, in.Name)
			return &partitionOutput{p}, err
		})
	httpapi.Handle(api, operation("delete-partition", http.MethodDelete, path+"/{partition_name}", "Delete a partition", partitionTag),
		func(ctx context.Context, in *partitionInput) (*messageOutput, error) {
			return deleted(1, s.DeletePartition(ctx, in.Name), nil)
		})
	httpapi.Handle(api, answering(operation("patch-partition", http.MethodPatch, path+"/{partition_name}", "Change description or tags of a partition", partitionTag), http.StatusNoContent),
		func(ctx context.Context, in *patchPartitionInput) (*nothing, error) {
			return nil, s.PatchPartition(ctx, in.Name, in.Body.Description, in.Body.Tags)
		})
	registerPartitionMembers(api, s, path+"/{partition_name}/members")
}

func registerPartitionMembers(api huma.API, s *Service, path string) {
	httpapi.Handle(api, operation("list-partition-members", http.MethodGet, path, "List the members of a partition", partitionTag),
		func(ctx context.Context, in *partitionInput) (*membersOutput, error) {
			p, err := s.Partition(ctx, in.Name)
			return &membersOutput{p.Members}, err
		})
	httpapi.Handle(api, answering(operation("create-partition-member", http.MethodPost, path, "Add a component to a partition", partitionTag), http.StatusCreated),
		func(ctx context.Context, in *addPartitionMemberInput) (*createdOutput, error) {
			path, err := s.AddPartitionMember(ctx, in.Name, in.Body.ID)
			return created(path), err
		})
	httpapi.Handle(api, operation("delete-partition-member", http.MethodDelete, path+"/{xname_id}", "Remove a component from a partition", partitionTag),
		func(ctx context.Context, in *partitionMemberInput) (*messageOutput, error) {
			return deleted(1, s.RemovePartitionMember(ctx, in.Name, in.Xname), nil)
		})
}
