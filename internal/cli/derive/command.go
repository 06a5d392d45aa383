package derive

import (
	"net/http"
	"net/url"
)

// Command is one operation as a user types it.
type Command struct {
	// Groups are the words before the verb, as shown.
	Groups []string
	// Verb is the last word, such as "list".
	Verb string
	// Method and Route are the operation's, Route with braces.
	Method, Route string
	Args          []Argument
	Options       []Option
	Summary       string
	Description   string
	// Hidden leaves the command out of help.
	Hidden bool
	// Danger is a question to be answered with yes before the call.
	Danger string
	// Build makes the request in place of the usual way, if set.
	Build func(in *Input) (*Request, error)
	// Foretell says what the call would come to, if set. Under the name of the published
	// tool it is not called.
	Foretell func(in *Input, r *Request) (Foretold, error)
	// After looks at the answer that was printed, if set. Its error ends the
	// command; under the name of the published tool it is not called.
	After func(in *Input, answer []byte) error

	item bool // the route ends in an argument
}

// Foretold is what a call would come to.
type Foretold struct {
	Text string // nothing where that needs no saying
	Ask  bool   // whether that is to be asked about at a terminal
	Data []byte // the same for programs, JSON
}

// Argument is a positional argument.
type Argument struct {
	Name string // as in the route
	// Twice has the value percent-encoded twice in the path.
	Twice bool
}

// Place is where an option's value goes.
type Place int

// The places.
const (
	Local  Place = iota // nowhere: the command's Build looks at it
	Query               // a query parameter
	Header              // a request header
	Body                // a property of the JSON body
)

// Kind is the type of an option's value.
type Kind int

// The kinds.
const (
	Text Kind = iota
	Integer
	Number
	Bool   // a word: true, false, yes, no, ...
	Switch // no value: present or not
	JSON   // JSON text
)

// NodesForm is how an option's value names nodes.
type NodesForm int

// The forms.
const (
	NoNodes    NodesForm = iota
	NodeList             // a comma list
	NodesLimit           // a limit of BOS: a comma list with & and !
)

// Option is one option of a command.
type Option struct {
	Name  string
	Place Place
	// Path is the parameter's name, or the way to the property in the body.
	Path []string
	// List has the value split at commas and brackets expanded.
	List bool
	// Joined sends a list as one comma text (query parameters).
	Joined bool
	// Objects is the length of the Path prefix that leads to an array of
	// objects, to whose n-th object the n-th value belongs; 0: none.
	Objects  int
	Kind     Kind
	Required bool
	Enum     []string
	// AnyCase accepts the Enum's words in any letter case.
	AnyCase bool
	// Default is sent when no value is given; empty: none.
	Default string
	Help    string
	// Hidden leaves it out of help.
	Hidden bool
	// Values is how many words follow the option, 0 meaning 1.
	Values int
	// Repeat allows the option several times.
	Repeat bool
	// Nodes is how the value names nodes.
	Nodes NodesForm
	// Metavar names the value(s) in help; empty: the Kind's.
	Metavar string
}

// Input is what the user gave.
type Input struct {
	Command *Command
	// Args are the positional arguments, in the command's order.
	Args []string
	// Values holds each option that has a value: one entry, or with Repeat
	// and Values several.
	Values map[string][]string
	// Fetch makes a call that a Build needs to look something up; the path
	// begins with the gateway prefix.
	Fetch func(method, path string, body any) ([]byte, error)
}

// Given is the option's single value.
func (in *Input) Given(name string) (string, bool) {
	v := in.Values[name]
	if len(v) == 0 {
		return "", false
	}
	return v[0], true
}

// Request is the call to make, below the gateway prefix.
type Request struct {
	Method string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	// Body is sent as JSON; nil: no body; []byte: as it is.
	Body any
}

// UsageError is a mistake of the user, worded for the user.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }
