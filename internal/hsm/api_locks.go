package hsm

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// Selection names components by what they are; no list at all selects every
// component.
type Selection struct {
	ComponentIDs    []string `json:"ComponentIDs,omitempty" doc:"xnames"`
	NID             []string `json:"NID,omitempty" doc:"NIDs"`
	Type            []string `json:"Type,omitempty" doc:"Types"`
	State           []string `json:"State,omitempty" doc:"States"`
	Flag            []string `json:"Flag,omitempty" doc:"Flags"`
	Enabled         []string `json:"Enabled,omitempty" doc:"true or false"`
	SoftwareStatus  []string `json:"Softwarestatus,omitempty" doc:"Software statuses"`
	Role            []string `json:"Role,omitempty" doc:"Roles"`
	SubRole         []string `json:"Subrole,omitempty" doc:"Subroles"`
	Subtype         []string `json:"Subtype,omitempty" doc:"Subtypes"`
	Arch            []string `json:"Arch,omitempty" doc:"Architectures"`
	Class           []string `json:"Class,omitempty" doc:"Classes"`
	Group           []string `json:"Group,omitempty" doc:"Members of the groups"`
	Partition       []string `json:"Partition,omitempty" doc:"Members of the partitions"`
	ProcessingModel string   `json:"ProcessingModel,omitempty" enum:"rigid,flexible" doc:"rigid (the default) does all or nothing, flexible as many as possible"`
}

func (s *Selection) parameters() Parameters {
	return Parameters{"id": s.ComponentIDs, "nid": s.NID, "type": s.Type, "state": s.State, "flag": s.Flag, "enabled": s.Enabled,
		"softwarestatus": s.SoftwareStatus, "role": s.Role, "subrole": s.SubRole, "subtype": s.Subtype, "arch": s.Arch,
		"class": s.Class, "group": s.Group, "partition": s.Partition}
}

type (
	selectionInput     struct{ Body Selection }
	lockResultOutput   struct{ Body LockResult }
	lockStatusesOutput struct{ Body lockStatuses }
	lockStatusInput    struct {
		Body struct {
			ComponentIDs []string `json:"ComponentIDs" doc:"xnames"`
		}
	}
	listLockStatusInput struct {
		Given
		Type                string `query:"type" doc:"Type"`
		State               string `query:"state" enum:"Unknown,Empty,Populated,Off,On,Standby,Halt,Ready" doc:"State"`
		Role                string `query:"role" doc:"Role"`
		SubRole             string `query:"subrole" doc:"Subrole"`
		Locked              string `query:"locked" enum:"true,false" doc:"Whether locked"`
		Reserved            string `query:"reserved" enum:"true,false" doc:"Whether reserved"`
		ReservationDisabled string `query:"reservationDisabled" enum:"true,false" doc:"Whether reservations are refused"`
	}
	keysInput struct {
		Body struct {
			ReservationKeys []KeyOf `json:"ReservationKeys" doc:"Components and their reservation keys"`
			ProcessingModel string  `json:"ProcessingModel,omitempty" enum:"rigid,flexible" doc:"rigid (the default) does all or nothing"`
		}
	}
	renewInput struct {
		Body struct {
			ReservationKeys     []KeyOf `json:"ReservationKeys" doc:"Components and their reservation keys"`
			ProcessingModel     string  `json:"ProcessingModel,omitempty" enum:"rigid,flexible" doc:"rigid (the default) does all or nothing"`
			ReservationDuration int     `json:"ReservationDuration,omitempty" minimum:"1" maximum:"15" doc:"Minutes from now; default 1"`
		}
	}
	checkInput struct {
		Body struct {
			DeputyKeys []KeyOf `json:"DeputyKeys" doc:"Components and their deputy keys"`
		}
	}
	serviceReservationInput struct {
		Body struct {
			Selection
			ReservationDuration int `json:"ReservationDuration,omitempty" minimum:"1" maximum:"15" doc:"Minutes; default 1"`
		}
	}
	reservationOutput struct{ Body ReservationResult }
)

func registerLocks(api huma.API, s *Service) {
	tags := []string{"Locking", "admin-locks"}
	for name, do := range map[string]struct {
		summary string
		act     lockAction
	}{"lock": {"Lock components", lock}, "unlock": {"Unlock components", unlock},
		"repair": {"Accept reservations of components again", repairReservations}} {
		httpapi.Handle(api, answering(operation(name+"-components", http.MethodPost, "/locks/"+name, do.summary, tags...), http.StatusOK),
			func(ctx context.Context, in *selectionInput) (*lockResultOutput, error) {
				r, err := s.Act(ctx, in.Body.parameters(), in.Body.ProcessingModel, do.act)
				return &lockResultOutput{r}, err
			})
	}
	httpapi.Handle(api, answering(operation("disable-components", http.MethodPost, "/locks/disable", "Refuse reservations of components", tags...), http.StatusOK),
		func(ctx context.Context, in *selectionInput) (*lockResultOutput, error) {
			r, err := s.DisableReservations(ctx, in.Body.parameters(), in.Body.ProcessingModel)
			return &lockResultOutput{r}, err
		})
	status := func(ctx context.Context, p Parameters, reserved map[bool]bool) (*lockStatusesOutput, error) {
		found, unknown, err := s.LockStatuses(ctx, p, reserved)
		return &lockStatusesOutput{lockStatuses{found, unknown}}, err
	}
	httpapi.Handle(api, answering(operation("query-lock-status", http.MethodPost, "/locks/status", "Tell how the named components are locked", tags...), http.StatusOK),
		func(ctx context.Context, in *lockStatusInput) (*lockStatusesOutput, error) {
			if len(in.Body.ComponentIDs) == 0 {
				return nil, errMissingIDs
			}
			out, err := status(ctx, Parameters{"id": in.Body.ComponentIDs}, nil)
			if err == nil && len(out.Body.Components) == 0 {
				err = fault.New(fault.Invalid, "none of the ComponentIDs is a component: %s", strings.Join(out.Body.NotFound, ", "))
			}
			return out, err
		})
	httpapi.Handle(api, operation("list-lock-status", http.MethodGet, "/locks/status", "Tell how components are locked", tags...),
		func(ctx context.Context, in *listLockStatusInput) (*lockStatusesOutput, error) {
			p := in.parameters()
			reserved, err := parseBools("reserved", p["reserved"])
			if err != nil {
				return nil, err
			}
			return status(ctx, p, reserved)
		})
}

func registerReservations(api huma.API, s *Service) {
	administrator := []string{"Locking", "admin-reservations", "cli_ignore"}
	service := []string{"Locking", "service-reservations", "cli_ignore"}
	httpapi.Handle(api, answering(operation("create-reservations", http.MethodPost, "/locks/reservations", "Reserve locked components", administrator...), http.StatusOK),
		func(ctx context.Context, in *selectionInput) (*reservationOutput, error) {
			r, err := s.Reserve(ctx, in.Body.parameters(), in.Body.ProcessingModel, 0)
			return &reservationOutput{r}, err
		})
	httpapi.Handle(api, answering(operation("remove-reservations", http.MethodPost, "/locks/reservations/remove", "End reservations of components", administrator...), http.StatusOK),
		func(ctx context.Context, in *selectionInput) (*lockResultOutput, error) {
			r, err := s.RemoveReservations(ctx, in.Body.parameters(), in.Body.ProcessingModel)
			return &lockResultOutput{r}, err
		})
	for path, tags := range map[string][]string{"/locks/reservations": administrator, "/locks/service/reservations": service} {
		httpapi.Handle(api, answering(operation("release-"+tags[1], http.MethodPost, path+"/release", "End reservations by their keys", tags...), http.StatusOK),
			func(ctx context.Context, in *keysInput) (*lockResultOutput, error) {
				r, err := s.Release(ctx, in.Body.ReservationKeys, in.Body.ProcessingModel)
				return &lockResultOutput{r}, err
			})
	}
	httpapi.Handle(api, answering(operation("create-service-reservations", http.MethodPost, "/locks/service/reservations", "Reserve components for some minutes", service...), http.StatusOK),
		func(ctx context.Context, in *serviceReservationInput) (*reservationOutput, error) {
			r, err := s.Reserve(ctx, in.Body.parameters(), in.Body.ProcessingModel, orOne(in.Body.ReservationDuration))
			return &reservationOutput{r}, err
		})
	httpapi.Handle(api, answering(operation("renew-service-reservations", http.MethodPost, "/locks/service/reservations/renew", "Prolong reservations", service...), http.StatusOK),
		func(ctx context.Context, in *renewInput) (*lockResultOutput, error) {
			r, err := s.Renew(ctx, in.Body.ReservationKeys, in.Body.ProcessingModel, orOne(in.Body.ReservationDuration))
			return &lockResultOutput{r}, err
		})
	httpapi.Handle(api, answering(operation("check-service-reservations", http.MethodPost, "/locks/service/reservations/check", "Tell which deputy keys are good", service...), http.StatusOK),
		func(ctx context.Context, in *checkInput) (*reservationOutput, error) {
			r, err := s.Check(ctx, in.Body.DeputyKeys)
			return &reservationOutput{r}, err
		})
}

// orOne is the duration, one minute if none is given.
func orOne(minutes int) int {
	if minutes == 0 {
		return 1
	}
	return minutes
}
