package saga

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrUnknownVersion is returned for an instance whose definition or version is not in the set.
var ErrUnknownVersion = errors.New("unknown saga definition or version")

// Version is one version of a definition with the type of its data hidden: a *Definition that Define returned.
type Version interface {
	id() versionID
	startedBy() string
	binds(wireType string) bool
	deadlines() []string
	outline() Outline
	mermaid() string
	svg() string
	matrix() (string, error)
	start(in Input, now time.Time) (Instance[any], []Outgoing, Note, error)
	apply(i Instance[any], in Input, now time.Time) (Instance[any], []Outgoing, Note, error)
	decode(data []byte) (any, error)
}

type versionID struct {
	name   string
	number int
}

// NotYet is a version that no order starts with yet, but that ends those that have: a release holds it so before the next one
// starts with it, so that while programs of both run, each can go on with the other's instances.
func NotYet(v Version) Version { return notYet{v} }

type notYet struct{ Version }

// Set holds every version that may still be in flight, so that each instance ends under the version that it started with
// (rule 9). The data of an Instance[any] is a D, not a pointer.
type Set struct {
	versions map[versionID]Version
	starting map[string]Version // by start event: the newest version, but for those that are not yet
}

// NewSet returns a set. It panics where two definitions are the same version, or two names start with the same event.
func NewSet(versions ...Version) *Set {
	s := &Set{versions: map[versionID]Version{}, starting: map[string]Version{}}
	for _, v := range versions {
		id := v.id()
		if _, twice := s.versions[id]; twice {
			panic(fmt.Sprintf("saga.NewSet: %s v%d is given twice", id.name, id.number))
		}
		s.versions[id] = v
		if _, waits := v.(notYet); waits {
			continue
		}
		newest, taken := s.starting[v.startedBy()]
		if taken && newest.id().name != id.name {
			panic(fmt.Sprintf("saga.NewSet: %s starts both %s and %s", v.startedBy(), newest.id().name, id.name))
		}
		if !taken || newest.id().number < id.number {
			s.starting[v.startedBy()] = v
		}
	}
	return s
}

// Starts tells whether an event starts an instance.
func (s *Set) Starts(wireType string) bool { return s.starting[wireType] != nil }

// Binds tells whether a version of the set handles an event or ignores it by name.
func (s *Set) Binds(wireType string) bool {
	for _, v := range s.versions {
		if v.binds(wireType) {
			return true
		}
	}
	return false
}

// Deadlines returns the names of the steps that have a deadline in some version of the set, sorted.
func (s *Set) Deadlines() []string {
	var names []string
	for _, v := range s.versions {
		names = append(names, v.deadlines()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Outline is a version as people are told of it.
type Outline struct {
	Name    string
	Version int
	Starts  bool     // new instances begin under it
	Steps   []string // their names

	of Version
}

// Mermaid is the version's Diagram.
func (o Outline) Mermaid() string { return o.of.mermaid() }

// SVG is the version's DiagramSVG.
func (o Outline) SVG() string { return o.of.svg() }

// Table is the version's Table. Errors: as Table.
func (o Outline) Table() (string, error) { return o.of.matrix() }

// Outlines returns one for each version in the set, by name, the newest first.
func (s *Set) Outlines() []Outline {
	out := make([]Outline, 0, len(s.versions))
	for _, v := range s.versions {
		o := v.outline()
		newest := s.starting[v.startedBy()]
		o.Starts = newest != nil && newest.id() == v.id()
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Outline) int { return cmp.Or(cmp.Compare(a.Name, b.Name), b.Version-a.Version) })
	return out
}

// Holds tells whether a version is in the set.
func (s *Set) Holds(definition string, version int) bool {
	return s.versions[versionID{definition, version}] != nil
}

// StartAs starts an instance of a certain version, as if it were the newest. Errors: ErrUnknownVersion; as Start.
func (s *Set) StartAs(definition string, version int, in Input, now time.Time) (Instance[any], []Outgoing, Note, error) {
	v, err := s.version(definition, version)
	if err != nil {
		return Instance[any]{}, nil, Note{}, err
	}
	return v.start(in, now)
}

// Start starts an instance of the newest version that in.Body starts. Errors: as Start.
func (s *Set) Start(in Input, now time.Time) (Instance[any], []Outgoing, Note, error) {
	if in.Body == nil {
		return Instance[any]{}, nil, Note{}, ErrNoBody
	}
	v := s.starting[in.Body.WireType()]
	if v == nil {
		return Instance[any]{}, nil, Note{}, fmt.Errorf("%w: %s", ErrNotStarting, in.Body.WireType())
	}
	return v.start(in, now)
}

// Apply applies an input under the instance's own version. Errors: ErrUnknownVersion; as Apply.
func (s *Set) Apply(i Instance[any], in Input, now time.Time) (Instance[any], []Outgoing, Note, error) {
	v, err := s.version(i.Definition, i.Version)
	if err != nil {
		return i, nil, Note{}, err
	}
	return v.apply(i, in, now)
}

// Decode returns an instance's data from the JSON of it. Errors: ErrUnknownVersion; JSON that does not fit.
func (s *Set) Decode(definition string, version int, data []byte) (any, error) {
	v, err := s.version(definition, version)
	if err != nil {
		return nil, err
	}
	return v.decode(data)
}

func (s *Set) version(name string, number int) (Version, error) {
	v := s.versions[versionID{name, number}]
	if v == nil {
		return nil, fmt.Errorf("%w: %s v%d", ErrUnknownVersion, name, number)
	}
	return v, nil
}

func (d *Definition[D]) id() versionID { return versionID{d.Name, d.Version} }

func (d *Definition[D]) startedBy() string { return d.Start.event.WireType() }

func (d *Definition[D]) binds(wireType string) bool {
	_, ok := d.table.bindings[wireType]
	return ok
}

func (d *Definition[D]) deadlines() []string {
	var names []string
	for i := range d.Steps {
		if d.Steps[i].Timeout > 0 {
			names = append(names, d.Steps[i].Name)
		}
	}
	return names
}

func (d *Definition[D]) outline() Outline {
	o := Outline{Name: d.Name, Version: d.Version, of: d}
	for i := range d.Steps {
		o.Steps = append(o.Steps, d.Steps[i].Name)
	}
	return o
}

func (d *Definition[D]) mermaid() string         { return Diagram(d) }
func (d *Definition[D]) svg() string             { return DiagramSVG(d) }
func (d *Definition[D]) matrix() (string, error) { return Table(d) }

func (d *Definition[D]) start(in Input, now time.Time) (Instance[any], []Outgoing, Note, error) {
	i, out, note, err := Start(d, in, now)
	return withData[any](i, i.Data), out, note, err
}

func (d *Definition[D]) apply(i Instance[any], in Input, now time.Time) (Instance[any], []Outgoing, Note, error) {
	data, ok := i.Data.(D)
	if !ok {
		return i, nil, Note{}, fmt.Errorf("%w: its data is a %T", ErrWrongDefinition, i.Data)
	}
	next, out, note, err := Apply(d, withData(i, data), in, now)
	return withData(next, i.Data), out, note, err
}

func (d *Definition[D]) decode(data []byte) (any, error) {
	var v D
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("decode data of %s v%d: %w", d.Name, d.Version, err)
	}
	return v, nil
}

// withData is i with other data: D never changes, so it is boxed once.
func withData[B, A any](i Instance[A], data B) Instance[B] {
	return Instance[B]{
		ID: i.ID, Definition: i.Definition, Version: i.Version, State: i.State, Data: data, Steps: i.Steps,
		Outstanding: i.Outstanding, Cancelling: i.Cancelling, Failed: i.Failed, Reason: i.Reason, Stuck: i.Stuck,
		Sequence: i.Sequence,
	}
}
