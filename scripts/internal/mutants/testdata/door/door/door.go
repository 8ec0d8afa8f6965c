// Package door is small enough to know what becomes of each of its mutants.
package door

// Guest asks to come in.
type Guest struct {
	Age    int
	Member bool
}

// Allows lets members in, and whoever is of age.
func Allows(g Guest, log *[]string) bool {
	if g.Age < 0 || g.Age > 150 {
		return false
	}
	if g.Age > 10 && g.Age != 11 {
		*log = append(*log, "grown")
	}
	return g.Member || g.Age >= 18
}

// Row says what is asked at a door, and what there is to take back.
type Row struct{ Name, Do, Undo string }

// Rows are all doors.
func Rows() []Row {
	return []Row{
		{Name: "front", Do: "knock", Undo: "leave"},
		{Name: "back", Do: "ring"},
	}
}
