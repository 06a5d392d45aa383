package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// manual is the man page of a command in section 1, in roff. The page of the
// program names the others; that of a group tells of each command below it. It has
// no date: one version makes one text.
func (a *app) manual(cmd *cobra.Command) []byte {
	p := &page{}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(p, ".TH \"%s\" 1 \"\" \"%s %s\" \"Drover\"\n", quoted(strings.ToUpper(name)), a.name, quoted(a.Version))
	p.heading("NAME")
	p.line(name + " - " + strings.TrimSuffix(cmd.Short, "."))
	p.heading("SYNOPSIS")
	p.bold(a.usageLine(cmd))
	if cmd.Long != "" {
		p.heading("DESCRIPTION")
		p.text(cmd.Long)
	}
	a.manualOptions(p, cmd, p.heading)
	if !cmd.HasParent() {
		p.heading("COMMANDS")
		for _, c := range shown(cmd) {
			p.item(name+"-"+c.Name()+"(1)", c.Short)
		}
		return p.Bytes()
	}
	if cmd.HasSubCommands() {
		p.heading("COMMANDS")
		a.manualBelow(p, cmd)
	}
	p.heading("SEE ALSO")
	p.bold(a.name + "(1)")
	return p.Bytes()
}

// manualBelow tells of the commands below a group. What a module offers
// without a version is told once, under its version.
func (a *app) manualBelow(p *page, group *cobra.Command) {
	module := group.Annotations[isModule] != ""
	derived := false
	for _, c := range leaves(group) {
		if module && versioned(group, c) {
			continue
		}
		derived = derived || a.derived[c] != nil
		fmt.Fprintf(p, ".SS \"%s\"\n", quoted(a.usageLine(c)))
		p.text(longOf(c))
		a.manualOptions(p, c, p.subheading)
	}
	if derived {
		p.heading(strings.ToUpper(globalOptions))
		for _, row := range flagRows(a.globalFlags(new(globals))) {
			p.item(row[0], row[1])
		}
	}
}

// manualOptions tells of the options that are the command's own.
func (a *app) manualOptions(p *page, cmd *cobra.Command, heading func(string)) {
	for _, s := range a.sections(cmd) {
		if len(s.rows) == 0 || s.title == globalOptions || s.title == "Groups" || s.title == "Commands" {
			continue
		}
		heading(strings.ToUpper(s.title))
		for _, row := range s.rows {
			p.item(row[0], row[1])
		}
	}
}

// shown are the command's subcommands that help shows.
func shown(cmd *cobra.Command) (out []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}

// leaves are the commands below a group that do something.
func leaves(group *cobra.Command) (out []*cobra.Command) {
	for _, c := range shown(group) {
		if !c.HasSubCommands() || takesOptions(c) {
			out = append(out, c)
		}
		out = append(out, leaves(c)...)
	}
	return out
}

// versioned tells whether the command of a module is there under the module's
// first version as well.
func versioned(module, c *cobra.Command) bool {
	path := strings.Fields(strings.TrimPrefix(c.CommandPath(), module.CommandPath()))
	for _, v := range module.Commands() {
		if at := v; at.Name() != path[0] {
			for _, word := range path {
				if at != nil {
					at = child(at, word)
				}
			}
			if at != nil {
				return true
			}
		}
	}
	return false
}

func longOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// page is roff.
type page struct{ bytes.Buffer }

func (p *page) heading(title string) { fmt.Fprintf(p, ".SH \"%s\"\n", quoted(title)) }
func (p *page) subheading(title string) {
	fmt.Fprintf(p, ".PP\n\\fI%s\\fR\n", escaped(sentence(strings.ToLower(title))))
}
func (p *page) bold(text string) { fmt.Fprintf(p, "\\fB%s\\fR\n", escaped(text)) }
func (p *page) line(text string) { fmt.Fprintf(p, "%s\n", escaped(text)) }

// item is an option or a command, and what it is for.
func (p *page) item(name, text string) {
	p.WriteString(".TP\n")
	p.bold(name)
	p.line(sentence(strings.Join(strings.Fields(text), " ")))
}

// text is paragraphs; one that is indented is an example, whose lines stay.
func (p *page) text(text string) {
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph == "" {
			continue
		}
		p.WriteString(".PP\n")
		if !strings.HasPrefix(paragraph, "  ") && !strings.HasPrefix(paragraph, "\t") {
			p.line(strings.Join(strings.Fields(paragraph), " "))
			continue
		}
		p.WriteString(".nf\n")
		for line := range strings.SplitSeq(paragraph, "\n") {
			p.line(strings.ReplaceAll(line, "\t", "    "))
		}
		p.WriteString(".fi\n")
	}
}

var roff = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`)

// escaped is the text as roff that begins no request.
func escaped(text string) string {
	out := roff.Replace(text)
	if strings.HasPrefix(out, ".") {
		return `\&` + out
	}
	return out
}

// quoted is the text as an argument of a request.
func quoted(text string) string { return strings.ReplaceAll(roff.Replace(text), `"`, `\(dq`) }
