package saga

import (
	"cmp"
	"slices"
)

// Description is a version of a definition, for people.
type Description struct {
	Name    string
	Version int
	Starts  bool // new orders begin under it
	Steps   []string
	Mermaid string // the diagram
}

// Descriptions returns every version of the set, by name, the newest first.
func (s *Set) Descriptions() []Description {
	out := make([]Description, 0, len(s.versions))
	for _, v := range s.versions {
		d := v.describe()
		newest := s.starting[v.startedBy()]
		d.Starts = newest != nil && newest.id() == v.id()
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Description) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version))
	})
	return out
}

func (d *Definition[D]) describe() Description {
	out := Description{Name: d.Name, Version: d.Version, Mermaid: Diagram(d)}
	for i := range d.Steps {
		out.Steps = append(out.Steps, d.Steps[i].Name)
	}
	return out
}
