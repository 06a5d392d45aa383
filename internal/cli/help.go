package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/cli/derive"
)

// help prints a group's or a command's help.
func (a *app) help(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "Usage: %s\n", a.usageLine(cmd))
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	if text != "" {
		fmt.Fprintln(w)
		paragraph(w, text)
	}
	for _, s := range a.sections(cmd) {
		section(w, s.title, s.rows)
	}
}

// rows are what help tells under a title: what is typed, and what it means.
type rows struct {
	title string
	rows  [][2]string
}

// sections are a command's options and what is below it.
func (a *app) sections(cmd *cobra.Command) (out []rows) {
	if d := a.derived[cmd]; d != nil {
		return append(derivedSections(d), rows{globalOptions, flagRows(a.globalFlags(new(globals)))})
	}
	if !cmd.HasSubCommands() || cmd.HasParent() && takesOptions(cmd) {
		out = append(out, rows{"Options", flagRows(cmd.LocalFlags())})
	}
	var groups, commands [][2]string
	for _, sub := range cmd.Commands() {
		row := [2]string{sub.Name(), sub.Short}
		switch {
		case sub.Hidden:
		case sub.HasSubCommands() || sub.Annotations[isModule] != "":
			groups = append(groups, row)
		default:
			commands = append(commands, row)
		}
	}
	return append(out, rows{"Groups", groups}, rows{"Commands", commands})
}

// globalOptions is the title of the options that every derived command has.
const globalOptions = "Global Options"

// takesOptions tells whether a command does something without one of its
// subcommands, as audit does.
func takesOptions(cmd *cobra.Command) (takes bool) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { takes = takes || f.Name != "help" && !f.Hidden })
	return takes
}

// usageLine is the full command, [OPTIONS] and the arguments.
func (a *app) usageLine(cmd *cobra.Command) string {
	line := cmd.CommandPath() + " [OPTIONS]"
	switch d := a.derived[cmd]; {
	case d != nil:
		for _, arg := range d.Args {
			line += " " + strings.ToUpper(arg.Name)
		}
	case cmd.HasSubCommands() && cmd.Annotations[takesNames] == "":
		line += " COMMAND [ARGS]..."
	default:
		if _, args, ok := strings.Cut(cmd.Use, " "); ok {
			line += " " + args
		}
	}
	return line
}

func derivedSections(d *derive.Command) []rows {
	var required, optional [][2]string
	for i := range d.Options {
		o := &d.Options[i]
		row := [2]string{strings.TrimSpace("--" + o.Name + " " + metavar(o)), o.Help}
		if o.Default != "" {
			row[1] += " [default: " + o.Default + "]"
		}
		switch {
		case o.Hidden:
		case o.Required:
			required = append(required, row)
		default:
			optional = append(optional, row)
		}
	}
	if d.Danger != "" {
		optional = append(optional, [2]string{"-y, --yes", "do not ask"})
	}
	return []rows{{"Required Options", required}, {"Optional", optional}}
}

func metavar(o *derive.Option) string {
	switch {
	case o.Metavar != "":
		return o.Metavar
	case len(o.Enum) > 0:
		return "[" + strings.Join(o.Enum, "|") + "]"
	case o.List || o.Objects > 0:
		return "TEXT,..."
	}
	return map[derive.Kind]string{derive.Text: "TEXT", derive.Integer: "INTEGER", derive.Number: "FLOAT",
		derive.Bool: "BOOLEAN", derive.JSON: "JSON"}[o.Kind]
}

func flagRows(flags *pflag.FlagSet) (out [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, text := pflag.UnquoteUsage(f) // the word in backquotes, else the type
		if f.NoOptDefVal == "" {
			if kind == "string" {
				kind = "TEXT"
			}
			name += " " + strings.ToUpper(kind)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.Value.Type() != "count" && f.DefValue != "[]" {
			text += " [default: " + defaultWords(f) + "]"
		}
		out = append(out, [2]string{name, text})
	})
	return out
}

// defaultWords is the flag's default as it is typed.
func defaultWords(f *pflag.Flag) string {
	if _, list := f.Value.(pflag.SliceValue); list {
		return strings.Trim(f.DefValue, "[]")
	}
	return f.DefValue
}

// width is where help texts are broken.
const width = 79

func section(w io.Writer, title string, told [][2]string) {
	if len(told) == 0 {
		return
	}
	column := 0
	for _, r := range told {
		column = max(column, min(len(r[0]), 30))
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, r := range told {
		lines := wrap(sentence(r[1]), width-column-4)
		if len(lines) == 0 {
			fmt.Fprintf(w, "  %s\n", r[0])
			continue
		}
		fmt.Fprintf(w, "  %-*s", column, r[0])
		for i, line := range lines {
			if i > 0 || len(r[0]) > column {
				fmt.Fprintf(w, "\n%*s", column+2, "")
			}
			fmt.Fprintf(w, "  %s", line)
		}
		fmt.Fprintln(w)
	}
}

func paragraph(w io.Writer, text string) {
	for _, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(p, "  ") { // as it is: an example
			fmt.Fprintf(w, "%s\n", p)
			continue
		}
		for _, line := range wrap(p, width-2) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
}

// sentence begins with a capital.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return text
	}
	return string(unicode.ToUpper(r)) + text[n:]
}

func wrap(text string, width int) (lines []string) {
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		size := utf8.RuneCountInString(word)
		if n > 0 && n+1+size > width {
			lines, line, n = append(lines, line), "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+size
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
