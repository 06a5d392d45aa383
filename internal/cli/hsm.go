package cli

import (
	"net/http"
	"os"
	"strings"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// editHSM puts in what people wrote by hand for the Hardware State Manager.
func editHSM(c *catalog) {
	for _, route := range []string{"/groups", "/partitions"} {
		if d := c.operation(http.MethodPost, route); d != nil {
			c.put(membersFromFile(d))
		}
	}
	if o := option(c, "inventory hardware query describe", "format"); o != nil {
		o.Name = "layout" // --format is how the answer is printed
	}
	if d := c.operation(http.MethodPost, "/sysinfo/powermaps"); d != nil {
		d.Options = append(d.Options, required(local(derive.Text, "file", "file with a JSON list of power maps, each with id and poweredBy")))
		d.Build = fromFile("file", d.Plain)
		c.put(d)
	}
	requireWishes(c)
	for _, d := range c.shown {
		if d.Verb == "clear" && d.Danger == "" {
			d.Danger = "This will delete all " + strings.Join(d.Groups, " ") + " in HSM, continue?"
		}
	}
}

// requireWishes has the commands of subscriptions, which the published command
// line lacks, ask for what the service refuses to do without.
func requireWishes(c *catalog) {
	for command, names := range map[string][]string{"create": {"subscriber", "url"}, "replace": {"subscriber", "url"}, "update": {"op"}} {
		for _, name := range names {
			if o := option(c, "subscriptions sCN "+command, name); o != nil {
				o.Required = true
			}
		}
	}
}

// membersFromFile adds --members-file, which goes before --members-ids.
func membersFromFile(d *derive.Command) *derive.Command {
	if d.Option("members-ids") == nil {
		ids := text("members-ids", "IDs of the members", "members", "ids")
		ids.List = true
		d.Options = append(d.Options, ids)
	}
	d.Options = append(d.Options, local(derive.Text, "members-file", "file with a comma list of the members"))
	d.Build = func(in *derive.Input) (*derive.Request, error) {
		r, err := d.Plain(in)
		path, given := in.Given("members-file")
		if err != nil || !given {
			return r, err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, failed("%v", err)
		}
		list := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "\n", ",")), "")
		derive.Set(body(r), []string{"members", "ids"}, commaList(list))
		return r, nil
	}
	return d
}
