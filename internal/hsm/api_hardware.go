package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/httpapi"
)

// PartParams describe the query parameters that select parts.
type PartParams struct {
	Given
	Type         string `query:"type" doc:"Type"`
	Manufacturer string `query:"manufacturer" doc:"Manufacturer of the part"`
	PartNumber   string `query:"partnumber" doc:"Part number"`
	SerialNumber string `query:"serialnumber" doc:"Serial number"`
	FRUID        string `query:"fruid" doc:"ID of the part"`
}

// EventParams describe the query parameters that select events.
type EventParams struct {
	EventType string `query:"eventtype" doc:"Added, Removed, Scanned or Detected"`
	StartTime string `query:"starttime" doc:"Only later events, RFC 3339"`
	EndTime   string `query:"endtime" doc:"Only earlier events, RFC 3339"`
}

type (
	listHardwareInput struct {
		ID string `query:"id" doc:"xname"`
		PartParams
	}
	hardwareListOutput struct{ Body []Hardware }
	hardwareOutput     struct{ Body Hardware }
	postHardwareInput  struct {
		Body struct {
			Hardware []Hardware `json:"Hardware" required:"false" doc:"Places with what is in them"`
		}
	}
	hardwareTreeInput struct {
		Given
		Xname     string `path:"xname" doc:"xname, s0 or all for everything, or a partition"`
		Type      string `query:"type" doc:"Type"`
		Children  bool   `query:"children" doc:"Also what is inside; default true"`
		Parents   bool   `query:"parents" doc:"Also what it is in"`
		Partition string `query:"partition" doc:"Only members of the partition and what is inside them"`
		Format    string `query:"format" doc:"FullyFlat, or NestNodesOnly, the default"`
	}
	hardwareTreeOutput struct{ Body HardwareTree }
	frusOutput         struct{ Body []FRU }
	fruInput           struct {
		FRUID string `path:"fruid" doc:"ID of the part"`
	}
	fruOutput struct{ Body FRU }

	placesHistoryInput struct {
		Given
		ID string `query:"id" doc:"xname"`
		EventParams
	}
	placeHistoryInput struct {
		Given
		Xname string `path:"xname" doc:"xname of the place"`
		EventParams
	}
	partsHistoryInput struct {
		Given
		FRUID string `query:"fruid" doc:"ID of the part"`
		EventParams
	}
	partHistoryInput struct {
		Given
		FRUID string `path:"fruid" doc:"ID of the part"`
		EventParams
	}
	historiesOutput struct {
		Body struct {
			Components []HardwareHistory `json:"Components" nullable:"false"`
		}
	}
	historyOutput struct{ Body HardwareHistory }
)

const (
	hardwarePath = "/Inventory/Hardware"
	fruPath      = "/Inventory/HardwareByFRU"
)

func registerHardware(api huma.API, s *Service) {
	const tag, path = "HWInventoryByLocation", hardwarePath
	httpapi.Handle(api, operation("list-hardware", http.MethodGet, path, "List places and the hardware in them", tag),
		func(ctx context.Context, in *listHardwareInput) (*hardwareListOutput, error) {
			all, err := s.Hardware(ctx, in.parameters())
			return &hardwareListOutput{all}, err
		})
	httpapi.Handle(api, httpapi.Bulk(answering(operation("post-hardware", http.MethodPost, path, "Add or change places and the hardware in them", tag, "cli_ignore"), http.StatusOK)),
		func(ctx context.Context, in *postHardwareInput) (*messageOutput, error) {
			if len(in.Body.Hardware) == 0 {
				return nil, fault.New(fault.Invalid, "Missing Hardware")
			}
			return counted("Created/Modified", len(in.Body.Hardware), s.PostHardware(ctx, in.Body.Hardware))
		})
	httpapi.Handle(api, operation("delete-all-hardware", http.MethodDelete, path, "Delete all places of hardware", tag,
		"cli_danger$This will delete all hardware inventory, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteHardware(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-hardware", http.MethodGet, path+"/{xname}", "Describe a place and the hardware in it", tag),
		func(ctx context.Context, in *xnameInput) (*hardwareOutput, error) {
			h, err := s.HardwareAt(ctx, in.Xname)
			if err != nil {
				return nil, err
			}
			return &hardwareOutput{h}, nil
		})
	httpapi.Handle(api, operation("delete-hardware", http.MethodDelete, path+"/{xname}", "Delete a place of hardware", tag),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			return deleteXname(in.Xname, func(ids []string) (int, error) { return s.DeleteHardware(ctx, ids) })
		})
	httpapi.Handle(api, operation("query-hardware", http.MethodGet, path+"/Query/{xname}", "List the hardware at, in and around a place", "HWInventory"),
		func(ctx context.Context, in *hardwareTreeInput) (*hardwareTreeOutput, error) {
			t, err := s.HardwareTree(ctx, in.Xname, in.parameters())
			return &hardwareTreeOutput{t}, err
		})
}

func registerFRUs(api huma.API, s *Service) {
	const tag, path = "HWInventoryByFRU", fruPath
	httpapi.Handle(api, operation("list-frus", http.MethodGet, path, "List hardware, wherever it is", tag),
		func(ctx context.Context, in *PartParams) (*frusOutput, error) {
			all, err := s.FRUs(ctx, in.parameters())
			return &frusOutput{all}, err
		})
	httpapi.Handle(api, operation("delete-frus", http.MethodDelete, path, "Delete all hardware", tag,
		"cli_danger$This will delete all FRUs for HSM, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.DeleteFRUs(ctx, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-fru", http.MethodGet, path+"/{fruid}", "Describe a part, wherever it is", tag),
		func(ctx context.Context, in *fruInput) (*fruOutput, error) {
			f, err := s.FRU(ctx, in.FRUID)
			if err != nil {
				return nil, err
			}
			return &fruOutput{f}, nil
		})
	httpapi.Handle(api, operation("delete-fru", http.MethodDelete, path+"/{fruid}", "Delete a part", tag),
		func(ctx context.Context, in *fruInput) (*messageOutput, error) {
			n, err := s.DeleteFRUs(ctx, []string{in.FRUID})
			return deleted(n, err, fault.New(fault.NotFound, "no such FRU ID: '%s'", in.FRUID))
		})
}

func registerPlaceHistory(api huma.API, s *Service) {
	const tag, path = "HWInventoryHistory", hardwarePath + "/History"
	httpapi.Handle(api, operation("list-hardware-history", http.MethodGet, path, "List what happened in places of hardware", tag),
		func(ctx context.Context, in *placesHistoryInput) (*historiesOutput, error) {
			p, out := in.parameters(), &historiesOutput{}
			ids, err := wantedXnames("id", p["id"])
			if err == nil {
				out.Body.Components, err = s.PlaceHistory(ctx, ids, p)
			}
			return out, err
		})
	httpapi.Handle(api, operation("delete-hardware-history", http.MethodDelete, path, "Delete the history of all hardware", tag,
		"cli_danger$This will delete all hardware history, continue?"),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.ForgetHistory(ctx, nil, nil)
			return deleted(n, err, errNoEntries)
		})
	httpapi.Handle(api, operation("get-hardware-history", http.MethodGet, path+"/{xname}", "List what happened in a place of hardware", tag),
		func(ctx context.Context, in *placeHistoryInput) (*historyOutput, error) {
			ids, err := xnames([]string{in.Xname})
			if err != nil {
				return nil, err
			}
			all, err := s.PlaceHistory(ctx, ids, in.parameters())
			return oneHistory(ids[0], all, err)
		})
	httpapi.Handle(api, operation("delete-place-history", http.MethodDelete, path+"/{xname}", "Delete the history of a place of hardware", tag,
		"cli_danger$This will delete all history for this xname, continue?"),
		func(ctx context.Context, in *xnameInput) (*messageOutput, error) {
			return deleteXname(in.Xname, func(ids []string) (int, error) { return s.ForgetHistory(ctx, ids, nil) })
		})
}

func registerPartHistory(api huma.API, s *Service) {
	const tag, path = "HWInventoryHistory", fruPath + "/History"
	httpapi.Handle(api, operation("list-fru-history", http.MethodGet, path, "List what happened to hardware", tag),
		func(ctx context.Context, in *partsHistoryInput) (*historiesOutput, error) {
			p, out := in.parameters(), &historiesOutput{}
			var err error
			out.Body.Components, err = s.PartHistory(ctx, p["fruid"], p)
			return out, err
		})
	httpapi.Handle(api, operation("get-fru-history", http.MethodGet, path+"/{fruid}", "List what happened to a part", tag),
		func(ctx context.Context, in *partHistoryInput) (*historyOutput, error) {
			all, err := s.PartHistory(ctx, []string{in.FRUID}, in.parameters())
			return oneHistory(in.FRUID, all, err)
		})
	httpapi.Handle(api, operation("delete-fru-history", http.MethodDelete, path+"/{fruid}", "Delete the history of a part", tag,
		"cli_danger$This will delete all history for this FRU, continue?"),
		func(ctx context.Context, in *fruInput) (*messageOutput, error) {
			n, err := s.ForgetHistory(ctx, nil, []string{in.FRUID})
			return deleted(n, err, errNoEntries)
		})
}

// oneHistory answers with the one history that there is, or with an empty one.
func oneHistory(id string, all []HardwareHistory, err error) (*historyOutput, error) {
	out := &historyOutput{HardwareHistory{id, []HardwareEvent{}}}
	if len(all) > 0 {
		out.Body = all[0]
	}
	return out, err
}

// deleteXname removes what has the name.
func deleteXname(id string, remove func(ids []string) (int, error)) (*messageOutput, error) {
	ids, err := xnames([]string{id})
	if err != nil {
		return nil, err
	}
	n, err := remove(ids)
	return deleted(n, err, errNoXname)
}
