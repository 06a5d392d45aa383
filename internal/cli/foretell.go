package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/drover-hpc/drover/internal/bos/plan"
	"github.com/drover-hpc/drover/internal/cfs"
	"github.com/drover-hpc/drover/internal/cli/derive"
	"github.com/drover-hpc/drover/internal/cli/format"
	"github.com/drover-hpc/drover/internal/httpapi"
	"github.com/drover-hpc/drover/internal/xname"
)

// foretell tells what a call would come to, and whether to make it: not in a dry run, and
// not if whoever types does not want that.
func (s *session) foretell(in *derive.Input, r *derive.Request, yes, dryRun bool) (goOn bool, err error) {
	told, err := in.Command.Foretell(in, r)
	switch {
	case dryRun && err != nil:
		return false, err
	case dryRun && s.asData:
		return false, format.Write(s.app.Stdout, s.format, told.Data)
	case dryRun && told.Text == "":
		_, err := fmt.Fprintln(s.app.Stdout, "No node would be touched.")
		return false, err
	case dryRun:
		return false, s.tell(told.Text)
	case told.Text == "": // also if the service cannot tell, or refuses the change: the call will say why
		return true, nil
	}
	fmt.Fprint(s.app.Stderr, harmless(told.Text))
	if told.Ask && !yes && s.app.attended() && !s.app.confirm("Go on?") {
		return false, abort
	}
	return true, nil
}

// formerNames are those by which version 2 has what plans are made of.
var formerNames = strings.NewReplacer(`"cloneUrl"`, `"clone_url"`, `"additionalInventory"`, `"additional_inventory"`,
	`"specialParameters"`, `"special_parameters"`, `"imsRequireDkms"`, `"ims_require_dkms"`)

// foretellConfiguration says what a change of a configuration would come to for the nodes
// that should have it.
func foretellConfiguration(in *derive.Input, r *derive.Request) (told derive.Foretold, err error) {
	body := r.Body
	if text, is := body.([]byte); is && strings.HasPrefix(r.Path, "/v2/") {
		body = []byte(formerNames.Replace(string(text)))
	}
	answer, err := in.Fetch(http.MethodPost, "/apis/drover/v1/configurations/"+httpapi.Segment(in.Args[0])+"?dry_run=true", body)
	if err != nil {
		return told, err
	}
	told.Data = answer
	var p cfs.ConfigurationPlan
	if err := json.Unmarshal(answer, &p); err != nil || len(p.Components) == 0 {
		return told, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %s is that of %s\n", p.Name, manyNodes(p.Components))
	for _, l := range p.Layers {
		fmt.Fprintf(&b, "  layer  %s %s: %s\n", plan.LayerName(l.Name, l.CloneURL), l.Playbook, layerChange(&l))
	}
	switch {
	case len(p.Reconfigure) == 0:
		b.WriteString("CFS runs nothing on them because of this\n")
	default:
		fmt.Fprintf(&b, "CFS configures %s by itself because of this\n", manyNodes(p.Reconfigure))
	}
	if len(p.Disabled) > 0 {
		fmt.Fprintf(&b, "not enabled in CFS, and so let be: %s\n", xname.Fold(p.Disabled))
	}
	told.Text, told.Ask = b.String(), len(p.Reconfigure) > 0
	return told, nil
}

func layerChange(l *cfs.LayerChange) string {
	switch {
	case l.From == "":
		return "new, at " + plan.Short(l.To)
	case l.To == "":
		return "goes"
	case l.From == l.To:
		return "stays at " + plan.Short(l.To)
	}
	return plan.Short(l.From) + " -> " + plan.Short(l.To)
}
